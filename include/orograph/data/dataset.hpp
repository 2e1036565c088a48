#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace orograph::data {

// Per-channel constants. x -> (x/255 - mean) / std for pixels stored as bytes, (x - mean) / std for those stored as float32.
struct Normalization {
    std::vector<double> mean;
    std::vector<double> std;
};

// `count` images drawn without replacement by the counter-based generator with `seed`, in ascending order of index.
struct Sample {
    std::int64_t count = 0;
    std::uint64_t seed = 0;
};

// round(fraction * N) of the N train images get a label drawn uniformly from all classes, their own included, as in Zhang et al. 2017. It
// is done to the whole split before `limit` and `sample`: an image's label does not depend on which others are loaded. The images of a
// smaller fraction are among those of a larger one with the same seed, and get the same labels. Other splits keep theirs.
struct Corruption {
    double fraction = 0;
    std::uint64_t seed = 0;
};

// The value of Source::set for arrays in the user's own files.
inline constexpr const char* own_set = "arrays";

// One image's [C, H, W].
using ImageShape = std::array<std::int64_t, 3>;

// Which images to load. `limit` and `sample` exclude each other and act on each split.
struct Source {
    std::string set = "fashion-mnist";                   // fashion-mnist | mnist | cifar10 | cifar100 | arrays
    std::filesystem::path folder;                        // known sets; empty: the set's usual place (Debian's package, for fashion-mnist)
    std::map<std::string, std::filesystem::path> files;  // arrays: where each split is
    std::optional<int> classes;                          // arrays; absent: the largest label of the splits, plus 1
    std::vector<std::string> splits{"train", "test"};    // in this order
    std::optional<std::int64_t> limit;                   // the first n images, or all where there are fewer
    std::optional<Sample> sample;
    std::optional<Corruption> corrupt;
    std::optional<ImageShape> image;         // what the user's own network takes; absent: 32x32 and 1 or 3 channels, as the table's
    std::optional<Normalization> normalize;  // absent: the known set's usual constants, mean 0 and std 1 for arrays
};

// One split, resident: images [N, C, H, W] float32 normalised, contiguous in NCHW; labels [N] int64. CPU.
struct Split {
    std::string name;
    at::Tensor images;
    at::Tensor labels;

    std::int64_t size() const { return images.size(0); }
};

struct Dataset {
    std::string set;
    int channels = 0;
    int classes = 0;
    Normalization normalization;
    std::vector<Split> splits;
    std::string fingerprint;  // of every image byte and label loaded, in order, with the normalisation

    const Split* find(std::string_view name) const;  // null where it was not asked for
};

// Names of the sets, for messages.
const std::vector<std::string>& known_sets();

// Reads and normalises. Known sets: IDX, plain or .gz (https://yann.lecun.com/exdb/mnist, Xiao et al. 2017), CIFAR's binary or Python
// version (Krizhevsky 2009), in the folder or below it; their usual constants: Fashion-MNIST .2860/.3530, MNIST .1307/.3081, CIFAR Li et
// al.'s. Arrays: docs/design/data.md. Byte images of 28x28 pixels are padded with two zero pixels on each side for a network that takes
// 32x32; all others keep their size. Sizes, types, counts and label ranges are checked before anything is allocated for them.
// Error(config): unknown set, split, or impossible request; Error(no_input): a file is missing; Error(data): it is not what it should be,
// or holds pixels that are not finite.
Dataset load(const Source& source);

// Rows [first, first+count) of a split as its own, compact tensors.
Split slice(const Split& split, std::int64_t first, std::int64_t count);

}  // namespace orograph::data
