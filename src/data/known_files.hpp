#pragma once

#include "raw_split.hpp"

#include <filesystem>
#include <string>

namespace orograph::data {

// What a reader needs to know about a known set.
struct SetFiles {
    std::string set;
    std::filesystem::path folder;
    int classes = 0;
    std::string remedy;  // how to get the files, for messages
};

// Both read one split, "train" or "test"; its labels are below `classes`. Error(no_input): a file is missing; Error(data): it is not what
// it should be.

// MNIST's and Fashion-MNIST's four files, plain or gzip (https://yann.lecun.com/exdb/mnist).
RawSplit read_idx_split(const SetFiles& files, const std::string& split);

// CIFAR's binary or Python version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): the six files of CIFAR-10, or the two of
// CIFAR-100 with its fine labels.
RawSplit read_cifar10_split(const SetFiles& files, const std::string& split);
RawSplit read_cifar100_split(const SetFiles& files, const std::string& split);

}  // namespace orograph::data
