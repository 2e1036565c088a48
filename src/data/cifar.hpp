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
    std::size_t records = 0;  // in each file; in one of the Python version at most
    std::size_t label_bytes = 1;
    int coarse_classes = 0;
    std::vector<std::string> python_names;  // the same files in the Python version
};

// The images of all files in order. Error as read_cifar10_split().
RawSplit read_cifar_split(const SetFiles& files, const CifarFormat& format);

// The same from the Python version, whose files are pickles of a dict: data, a numpy array [N, 3072] of bytes, and labels (CIFAR-100's
// fine_labels). They are read as data, of any protocol, of Python 2 or 3; nothing in them is run.
RawSplit read_python_cifar(const SetFiles& files, const CifarFormat& format);

}  // namespace orograph::data
