#pragma once

#include "known_files.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace orograph::data {

// A file is `records` times: `label_bytes` labels, the last of which counts, then an image of 3 x 32 x 32 bytes. Labels before it must be
// below `coarse_classes`.
struct CifarFormat {
    std::vector<std::string> file_names;
    std::size_t records = 0;  // in each file
    std::size_t label_bytes = 1;
    int coarse_classes = 0;
};

// The images of all files in order. Error as read_cifar10_split().
RawSplit read_cifar_split(const SetFiles& files, const CifarFormat& format);

}  // namespace orograph::data
