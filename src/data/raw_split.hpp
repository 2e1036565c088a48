#pragma once

#include "orograph/data/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace orograph::data {

enum class Pixel { uint8, float32 };

// The side of the images that the table's networks take, and of those that are padded to it, MNIST's.
inline constexpr std::int64_t network_side = 32, padded_side = 28;

// One split as its file holds it: the labels of all images, and the images to be read in parts.
struct RawSplit {
    std::string name;   // "train", "test"
    std::string where;  // the file's name, for messages
    Pixel pixel = Pixel::uint8;
    std::int64_t channels = 0, height = 0, width = 0;
    std::int64_t margin = 0;           // zero pixels that the resident image has on each side
    std::vector<std::int64_t> labels;  // [N]
    std::int64_t step = 1024;          // images that are best read together, at multiples of this number
    // Fills `out` with images [first, first + count), C order.
    std::function<void(std::int64_t first, std::int64_t count, std::span<std::byte> out)> read;

    std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
    std::size_t image_bytes() const { return static_cast<std::size_t>(channels * height * width) * (pixel == Pixel::uint8 ? 1 : 4); }
};

// A set as its files hold it.
struct RawSet {
    int channels = 0;
    int classes = 0;
    Normalization usual;  // unless the user gives one
    std::vector<RawSplit> splits;
};

// The known sets, Error as load().
RawSet open_known_set(const Source& source);

// Sets of the user's own: source.files. Formats and what is checked: docs/design/data.md. Error as load().
RawSet open_arrays(const Source& source);

// The zero pixels on each side with which a split's images become those that a network takes (Source::image).
std::int64_t margin_of(const RawSplit& split, const std::optional<ImageShape>& image);

// A split whose images are in memory already: square, one byte a value.
RawSplit in_memory(std::int64_t channels, std::int64_t side, std::vector<std::byte> pixels, std::vector<std::int64_t> labels);

}  // namespace orograph::data
