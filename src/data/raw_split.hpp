#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace orograph::data {

// One split as its files hold it: images [N, channels, side, side], one byte a value, C order; labels [N], each below the set's number of
// classes.
struct RawSplit {
    std::int64_t channels = 0;
    std::int64_t side = 0;
    std::vector<std::byte> pixels;
    std::vector<std::uint8_t> labels;

    std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
    std::size_t image_bytes() const { return static_cast<std::size_t>(channels * side * side); }
};

// What a reader needs to know about a set.
struct SetFiles {
    std::string set;
    std::filesystem::path folder;
    int classes = 0;
    std::string remedy;  // how to get the files, for messages
};

// Both read one split, "train" or "test". Error(no_input): a file is missing; Error(data): it is not what it should be.

// MNIST's and Fashion-MNIST's four files, plain or gzip (https://yann.lecun.com/exdb/mnist).
RawSplit read_idx_split(const SetFiles& files, const std::string& split);

// CIFAR's binary version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): the six files of CIFAR-10, or the two of CIFAR-100
// with its fine labels.
RawSplit read_cifar10_split(const SetFiles& files, const std::string& split);
RawSplit read_cifar100_split(const SetFiles& files, const std::string& split);

}  // namespace orograph::data
