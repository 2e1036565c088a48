#include "selection.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace orograph::data {
namespace {

// Apart from the streams that others draw from with the same seed. Samples: one a split, whatever their order.
constexpr std::uint64_t first_sample_stream = std::uint64_t{3} << 32;
constexpr std::uint64_t corrupt_images_stream = std::uint64_t{4} << 32;
constexpr std::uint64_t corrupt_labels_stream = corrupt_images_stream + 1;

}  // namespace

void check_selection(const Source& source) {
    OROGRAPH_VALIDATE(!source.limit || !source.sample, ExitCode::config, "data.limit and data.sample exclude each other: remove one");
    OROGRAPH_VALIDATE(!source.limit || *source.limit > 0, ExitCode::config, "data.limit is ", *source.limit,
                      "; at least 1 image is needed");
    OROGRAPH_VALIDATE(!source.sample || source.sample->count > 0, ExitCode::config, "data.sample.count is ", source.sample->count,
                      "; at least 1 image is needed");
    OROGRAPH_VALIDATE(!source.corrupt || (source.corrupt->fraction >= 0 && source.corrupt->fraction <= 1), ExitCode::config,
                      "data.corrupt.fraction is ", source.corrupt->fraction, "; it is a part of the images, between 0 and 1");
}

std::vector<std::int64_t> select(const Source& source, const std::string& split, std::int64_t size) {
    const std::int64_t count = source.sample ? source.sample->count : std::min(source.limit.value_or(size), size);
    OROGRAPH_VALIDATE(count <= size, ExitCode::config, "data.sample.count asks for ", count, " images, and split ", split, " of ",
                      source.set, " has only ", size);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(source.sample ? size : count));
    if (source.sample) {
        const std::uint64_t stream = first_sample_stream + (split == "train" ? 0 : 1);
        CounterRandom(source.sample->seed, stream).fill_permutation(indices);
        std::sort(indices.begin(), indices.begin() + count);
        indices.resize(static_cast<std::size_t>(count));
    } else {
        std::iota(indices.begin(), indices.end(), std::int64_t{0});
    }
    return indices;
}

void corrupt_labels(const Corruption& corruption, int classes, std::vector<std::int64_t>& labels) {
    std::vector<std::int64_t> order(labels.size());
    CounterRandom(corruption.seed, corrupt_images_stream).fill_permutation(order);
    order.resize(static_cast<std::size_t>(std::llround(corruption.fraction * static_cast<double>(labels.size()))));
    const CounterRandom random(corruption.seed, corrupt_labels_stream);
    for (const std::int64_t image : order) {
        labels[static_cast<std::size_t>(image)] =
            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes), static_cast<std::uint64_t>(image)));
    }
}

}  // namespace orograph::data
