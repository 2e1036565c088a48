#include "orograph/data/dataset.hpp"

#include "raw_split.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t network_side = 32;

// Apart from the streams that others draw from with the same seed; one a split, whatever their order.
constexpr std::uint64_t first_sample_stream = std::uint64_t{3} << 32;

struct KnownSet {
    std::string name;
    int channels;
    int classes;
    Normalization normalization;
    fs::path usual_folder;  // empty: there is none
    std::string remedy;
    RawSplit (*read)(const SetFiles&, const std::string& split);
};

// Li et al. 2018's code, for both CIFAR sets.
Normalization cifar_normalization() {
    return {{125.3 / 255, 123.0 / 255, 113.9 / 255}, {63.0 / 255, 62.1 / 255, 66.7 / 255}};
}

const std::vector<KnownSet>& sets() {
    static const std::vector<KnownSet> table{
        {"fashion-mnist",
         1,
         10,
         {{0.2860}, {0.3530}},
         "/usr/share/datasets/fashion-mnist",
         "install Debian's package dataset-fashion-mnist, or set data.folder to where the files are",
         read_idx_split},
        {"mnist", 1, 10, {{0.1307}, {0.3081}}, "", "set data.folder to the folder of MNIST's four IDX files", read_idx_split},
        {"cifar10", 3, 10, cifar_normalization(), "", "set data.folder to the unpacked cifar-10-batches-bin", read_cifar10_split},
        {"cifar100", 3, 100, cifar_normalization(), "", "set data.folder to the unpacked cifar-100-binary", read_cifar100_split},
    };
    return table;
}

const KnownSet& find_set(const std::string& name) {
    for (const KnownSet& set : sets()) {
        if (set.name == name) return set;
    }
    const std::string guess = nearest(name, known_sets());
    throw Error(ExitCode::config, cat("data.set: there is no data set '", name, "'",
                                      guess.empty() ? "" : cat("; did you mean ", guess, "?"), " (known: ", join(known_sets()), ")"));
}

SetFiles locate(const KnownSet& set, const Source& source) {
    const fs::path folder = source.folder.empty() ? set.usual_folder : source.folder;
    OROGRAPH_VALIDATE(!folder.empty(), ExitCode::config, "data.folder is missing: data set ", set.name, " has no usual place; ",
                      set.remedy);
    std::error_code unreadable;
    OROGRAPH_VALIDATE(fs::is_directory(folder, unreadable), ExitCode::no_input, "data set ", set.name, ": there is no folder ", folder,
                      "; ", set.remedy);
    return {set.name, folder, set.classes, set.remedy};
}

void check_splits(const std::vector<std::string>& splits) {
    OROGRAPH_VALIDATE(!splits.empty(), ExitCode::config, "data.splits is empty: list train, test or both");
    for (auto split = splits.begin(); split != splits.end(); ++split) {
        OROGRAPH_VALIDATE(*split == "train" || *split == "test", ExitCode::config, "data.splits: there is no split '", *split,
                          "' (known: train, test)");
        OROGRAPH_VALIDATE(std::find(splits.begin(), split, *split) == split, ExitCode::config, "data.splits lists ", *split, " twice");
    }
}

void check_selection(const Source& source) {
    OROGRAPH_VALIDATE(!source.limit || !source.sample, ExitCode::config, "data.limit and data.sample exclude each other: remove one");
    OROGRAPH_VALIDATE(!source.limit || *source.limit > 0, ExitCode::config, "data.limit is ", *source.limit,
                      "; at least 1 image is needed");
    OROGRAPH_VALIDATE(!source.sample || source.sample->count > 0, ExitCode::config, "data.sample.count is ", source.sample->count,
                      "; at least 1 image is needed");
}

void check_normalization(const Normalization& constants, const KnownSet& set) {
    const auto channels = static_cast<std::size_t>(set.channels);
    OROGRAPH_VALIDATE(constants.mean.size() == channels && constants.std.size() == channels, ExitCode::config, "data.normalize: ", set.name,
                      " needs ", channels, channels == 1 ? " number" : " numbers", " each in mean and std, not ", constants.mean.size(),
                      " and ", constants.std.size());
    for (std::size_t c = 0; c < channels; ++c) {
        OROGRAPH_VALIDATE(std::isfinite(constants.mean[c]), ExitCode::config, "data.normalize.mean holds ", constants.mean[c],
                          "; only finite numbers make sense");
        OROGRAPH_VALIDATE(std::isfinite(constants.std[c]) && static_cast<float>(constants.std[c]) > 0, ExitCode::config,
                          "data.normalize.std holds ", constants.std[c], "; it must be positive and finite");
    }
}

// Which images of a split of `size` to keep, in ascending order.
std::vector<std::int64_t> select(const Source& source, const std::string& split, std::int64_t size) {
    const std::int64_t count = source.sample ? source.sample->count : std::min(source.limit.value_or(size), size);
    OROGRAPH_VALIDATE(count <= size, ExitCode::config, "data.sample.count asks for ", count, " images, and split ", split, " of ",
                      source.set, " has only ", size);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(size));
    if (source.sample) {
        const std::uint64_t stream = first_sample_stream + (split == "train" ? 0 : 1);
        CounterRandom(source.sample->seed, stream).fill_permutation(indices);
        std::sort(indices.begin(), indices.begin() + count);
    } else {
        std::iota(indices.begin(), indices.end(), std::int64_t{0});
    }
    indices.resize(static_cast<std::size_t>(count));
    return indices;
}

// The kept images of a split, one after another.
RawSplit keep(const RawSplit& raw, const std::vector<std::int64_t>& indices) {
    RawSplit kept{.channels = raw.channels, .side = raw.side, .pixels = {}, .labels = {}};
    const auto bytes = static_cast<std::ptrdiff_t>(raw.image_bytes());
    kept.pixels.reserve(indices.size() * raw.image_bytes());
    for (const std::int64_t index : indices) {
        const auto first = raw.pixels.begin() + index * bytes;
        kept.pixels.insert(kept.pixels.end(), first, first + bytes);
        kept.labels.push_back(raw.labels[static_cast<std::size_t>(index)]);
    }
    return kept;
}

// The float32 of each byte value in one channel: one division, subtraction and division, as torchvision's ToTensor and Normalize.
std::array<float, 256> normalized_values(double mean, double std) {
    std::array<float, 256> values{};
    for (std::size_t v = 0; v < values.size(); ++v)
        values[v] = (static_cast<float>(v) / 255.0F - static_cast<float>(mean)) / static_cast<float>(std);
    return values;
}

// [N, C, 32, 32] float32; smaller images lie in the middle of zero bytes.
at::Tensor normalize_images(const RawSplit& raw, const Normalization& constants) {
    at::Tensor images = at::empty({raw.size(), raw.channels, network_side, network_side}, at::kFloat);
    const std::int64_t border = (network_side - raw.side) / 2;
    constexpr std::int64_t plane_size = network_side * network_side;
    for (std::int64_t c = 0; c < raw.channels; ++c) {
        const auto channel = static_cast<std::size_t>(c);
        const std::array<float, 256> values = normalized_values(constants.mean[channel], constants.std[channel]);
        for (std::int64_t n = 0; n < raw.size(); ++n) {
            float* plane = images.data_ptr<float>() + (n * raw.channels + c) * plane_size;
            std::fill_n(plane, plane_size, values[0]);
            const std::byte* source = raw.pixels.data() + (n * raw.channels + c) * raw.side * raw.side;
            for (std::int64_t y = 0; y < raw.side; ++y) {
                float* row = plane + (y + border) * network_side + border;
                for (std::int64_t x = 0; x < raw.side; ++x) row[x] = values[std::to_integer<std::size_t>(*source++)];
            }
        }
    }
    return images;
}

at::Tensor label_tensor(const std::vector<std::uint8_t>& labels) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(labels.size())}, at::kLong);
    std::copy(labels.begin(), labels.end(), tensor.data_ptr<std::int64_t>());
    return tensor;
}

}  // namespace

const Split* Dataset::find(std::string_view name) const {
    const auto found = std::find_if(splits.begin(), splits.end(), [&](const Split& split) { return split.name == name; });
    return found == splits.end() ? nullptr : &*found;
}

const std::vector<std::string>& known_sets() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const KnownSet& set : sets()) list.push_back(set.name);
        return list;
    }();
    return names;
}

Normalization default_normalization(const std::string& set) {
    return find_set(set).normalization;
}

Dataset load(const Source& source) {
    const KnownSet& set = find_set(source.set);
    check_splits(source.splits);
    check_selection(source);
    Dataset dataset{set.name, set.channels, set.classes, source.normalize.value_or(set.normalization), {}, {}};
    check_normalization(dataset.normalization, set);
    const SetFiles files = locate(set, source);

    Fingerprint digest;
    digest.add(set.name)
        .add_values(std::span<const double>(dataset.normalization.mean))
        .add_values(std::span<const double>(dataset.normalization.std));
    for (const std::string& name : source.splits) {
        const RawSplit whole = set.read(files, name);
        const RawSplit raw = keep(whole, select(source, name, whole.size()));
        digest.add(name).add_values(std::span<const std::byte>(raw.pixels)).add_values(std::span<const std::uint8_t>(raw.labels));
        dataset.splits.push_back({name, normalize_images(raw, dataset.normalization), label_tensor(raw.labels)});
    }
    dataset.fingerprint = digest.hex();
    return dataset;
}

Split slice(const Split& split, std::int64_t first, std::int64_t count) {
    OROGRAPH_EXPECT(first >= 0 && count >= 0 && first + count <= split.size());
    return {split.name, split.images.narrow(0, first, count).clone(at::MemoryFormat::Contiguous),
            split.labels.narrow(0, first, count).clone()};
}

}  // namespace orograph::data
