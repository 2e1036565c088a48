#include "resident.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace orograph::data {
namespace {

// The float32 of each byte value in one channel: one division, subtraction and division, as torchvision's ToTensor and Normalize.
std::array<float, 256> normalized_bytes(float mean, float std) {
    std::array<float, 256> values{};
    for (std::size_t v = 0; v < values.size(); ++v) values[v] = (static_cast<float>(v) / 255.0F - mean) / std;
    return values;
}

// The sides of a resident image.
std::int64_t height_of(const RawSplit& raw) {
    return raw.height + 2 * raw.margin;
}

std::int64_t width_of(const RawSplit& raw) {
    return raw.width + 2 * raw.margin;
}

// `image` is one image [C, height, width] of Stored, `out` its place with the margin around it; value(channel, stored) normalises.
template <class Stored, class Value>
void place_image(const RawSplit& raw, const std::byte* image, float* out, const Value& value) {
    const std::int64_t plane_size = height_of(raw) * width_of(raw);
    for (std::size_t c = 0; c < static_cast<std::size_t>(raw.channels); ++c, out += plane_size) {
        std::fill_n(out, plane_size, value(c, Stored{0}));
        for (std::int64_t y = 0; y < raw.height; ++y) {
            float* row = out + (y + raw.margin) * width_of(raw) + raw.margin;
            for (std::int64_t x = 0; x < raw.width; ++x, image += sizeof(Stored)) {
                Stored stored;
                std::memcpy(&stored, image, sizeof(Stored));
                row[x] = value(c, stored);
            }
        }
    }
}

class Normalizer {
public:
    Normalizer(const RawSplit& raw, const Normalization& constants)
        : raw_(raw), mean_(constants.mean.begin(), constants.mean.end()), std_(constants.std.begin(), constants.std.end()) {
        for (std::size_t c = 0; c < mean_.size(); ++c) bytes_.push_back(normalized_bytes(mean_[c], std_[c]));
    }

    // Image `index` of the split.
    void place(std::int64_t index, const std::byte* image, float* out) const {
        if (raw_.pixel == Pixel::uint8) {
            place_image<std::uint8_t>(raw_, image, out, [this](std::size_t c, std::uint8_t stored) { return bytes_[c][stored]; });
        } else {
            place_image<float>(raw_, image, out, [this](std::size_t c, float stored) { return (stored - mean_[c]) / std_[c]; });
        }
        const std::int64_t values = raw_.channels * height_of(raw_) * width_of(raw_);
        const bool finite = std::all_of(out, out + values, [](float value) { return std::isfinite(value); });
        OROGRAPH_VALIDATE(finite, ExitCode::data, raw_.where, ": image ", index,
                          " has a pixel that is NaN or infinite, or is so once normalised; repair the file, or check data.normalize");
    }

private:
    const RawSplit& raw_;
    std::vector<float> mean_, std_;
    std::vector<std::array<float, 256>> bytes_;
};

// One byte a label where that is enough.
void add_labels(Fingerprint& digest, std::span<const std::int64_t> labels, int classes) {
    if (classes > 1 + std::numeric_limits<std::uint8_t>::max()) {
        digest.add_values(labels);
    } else {
        const std::vector<std::uint8_t> bytes(labels.begin(), labels.end());
        digest.add_values(std::span<const std::uint8_t>(bytes));
    }
}

}  // namespace

Split make_resident(const RawSplit& raw, std::span<const std::int64_t> indices, const Normalization& constants, int classes,
                    Fingerprint& digest) {
    const auto count = static_cast<std::int64_t>(indices.size());
    Split split{raw.name, at::empty({count, raw.channels, height_of(raw), width_of(raw)}, at::kFloat), at::empty({count}, at::kLong)};
    const Normalizer normalizer(raw, constants);
    auto* images = split.images.data_ptr<float>();
    auto* labels = split.labels.data_ptr<std::int64_t>();
    digest.add(raw.name);
    std::vector<std::byte> block;
    for (auto next = indices.begin(); next != indices.end();) {
        // The part of the step from its beginning to the last image that is wanted of it.
        const std::int64_t first = *next / raw.step * raw.step;
        const auto after = std::lower_bound(next, indices.end(), first + raw.step);
        const std::int64_t read = *(after - 1) + 1 - first;
        block.resize(static_cast<std::size_t>(read) * raw.image_bytes());
        raw.read(first, read, block);
        for (; next != after; ++next) {
            const std::span image(block.data() + static_cast<std::size_t>(*next - first) * raw.image_bytes(), raw.image_bytes());
            digest.add(image);
            normalizer.place(*next, image.data(), images);
            images += split.images.stride(0);
            *labels++ = raw.labels[static_cast<std::size_t>(*next)];
        }
    }
    add_labels(digest, {split.labels.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(count)}, classes);
    return split;
}

}  // namespace orograph::data
