#include "raw_split.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::data {

RawSplit in_memory(std::int64_t channels, std::int64_t side, std::vector<std::byte> pixels, std::vector<std::int64_t> labels) {
    RawSplit raw{.channels = channels, .height = side, .width = side, .labels = std::move(labels)};
    OROGRAPH_EXPECT(pixels.size() == raw.labels.size() * raw.image_bytes());
    raw.read = [pixels = std::move(pixels), image_bytes = raw.image_bytes()](std::int64_t first, std::int64_t, std::span<std::byte> out) {
        std::copy_n(pixels.data() + static_cast<std::size_t>(first) * image_bytes, out.size(), out.data());
    };
    return raw;
}

std::int64_t margin_of(const RawSplit& split, const std::optional<ImageShape>& image) {
    const bool padded = split.pixel == Pixel::uint8 && split.height == padded_side && split.width == padded_side;
    const bool wanted = !image || ((*image)[1] == network_side && (*image)[2] == network_side);
    return padded && wanted ? (network_side - padded_side) / 2 : 0;
}

}  // namespace orograph::data
