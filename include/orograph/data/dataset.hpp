#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace orograph::data {

// Per-channel constants: x -> (x/255 - mean) / std.
struct Normalization {
    std::vector<double> mean;
    std::vector<double> std;
};

// `count` images drawn without replacement by the counter-based generator with `seed`, in ascending order of index.
struct Sample {
    std::int64_t count = 0;
    std::uint64_t seed = 0;
};

// Which images to load. `limit` and `sample` exclude each other and act on each split.
struct Source {
    std::string set = "fashion-mnist";                 // fashion-mnist | mnist | cifar10 | cifar100
    std::filesystem::path folder;                      // empty: the set's usual place (Debian's package, for fashion-mnist)
    std::vector<std::string> splits{"train", "test"};  // in this order
    std::optional<std::int64_t> limit;                 // the first n images, or all where there are fewer
    std::optional<Sample> sample;
    std::optional<Normalization> normalize;  // absent: the set's constants of default_normalization()
};

// One split, resident: images [N, C, 32, 32] float32 normalised, contiguous in NCHW; labels [N] int64. CPU.
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

// The constants of numerics.md: Fashion-MNIST .2860/.3530, MNIST .1307/.3081, CIFAR Li et al.'s. Throws Error(config) for an unknown set.
Normalization default_normalization(const std::string& set);

// Reads and normalises. 28x28 images are padded with two zero pixels on each side first. File sizes, magic numbers, counts and label ranges
// are checked exactly. Error(config): unknown set, split, or impossible limit; Error(no_input): a file is missing; Error(data): it is not
// what it should be. Formats: IDX, plain or .gz (https://yann.lecun.com/exdb/mnist, Xiao et al. 2017); CIFAR binary version (Krizhevsky
// 2009).
Dataset load(const Source& source);

// Rows [first, first+count) of a split as its own, compact tensors.
Split slice(const Split& split, std::int64_t first, std::int64_t count);

}  // namespace orograph::data
