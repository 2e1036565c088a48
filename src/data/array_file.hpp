#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace orograph::data {

// What a file says about one of its arrays.
struct StoredArray {
    std::string where;  // "mine.h5:/train/images"
    std::string type;   // "uint8", "float32", "int64"
    std::vector<std::int64_t> shape;
};

// The arrays `images` and `labels` of one split, in a file of the user's. The sizes are held against the file's; what they should be is not
// checked yet. Both readers fill `out` with the elements of rows [first, first + count).
struct ArrayFile {
    StoredArray images, labels;
    std::int64_t step = 1024;  // rows of images that are best read together
    std::function<void(std::int64_t first, std::int64_t count, std::span<std::byte> out)> read_images;
    std::function<std::vector<std::int64_t>()> read_labels;  // of an integer type and one dimension only
};

// The arrays lie in the file's root, or in a group that is named as the split. Error(data).
ArrayFile open_hdf5(const std::filesystem::path& path, const std::string& split);

// The tensors are `images` and `labels`, or `train.images` and `train.labels` for the split train. Error(no_input), Error(data).
ArrayFile open_safetensors(const std::filesystem::path& path, const std::string& split);

}  // namespace orograph::data
