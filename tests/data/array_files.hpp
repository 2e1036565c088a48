#pragma once

#include "fresh_folder.hpp"

#include "orograph/data/dataset.hpp"
#include "orograph/h5/file.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace orograph::data {

using Shape = std::vector<std::int64_t>;

inline std::int64_t elements(const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    return count;
}

// Pixel k of the synthetic arrays, scrambled so that no two images are alike (Knuth's multiplicative hash).
inline std::uint8_t pixel_byte(std::int64_t k) {
    return static_cast<std::uint8_t>(static_cast<std::uint64_t>(k) * 2654435761U >> 16);
}
inline float pixel_float(std::int64_t k) {
    return static_cast<float>(k % 1000) / 8 - 40;
}

template <class T>
std::vector<T> pixels(const Shape& shape) {
    std::vector<T> values;
    for (std::int64_t k = 0; k < elements(shape); ++k) {
        if constexpr (std::is_same_v<T, float>)
            values.push_back(pixel_float(k));
        else
            values.push_back(static_cast<T>(pixel_byte(k)));
    }
    return values;
}

// Writes `images` and `labels` to a group.
template <class Pixel, class Label>
void put_arrays(h5::Group group, const Shape& shape, const std::vector<Label>& labels, const std::vector<Pixel>& images) {
    group.create_dataset<Pixel>("images", shape, Pixel{}).template write<Pixel>(images);
    group.create_dataset<Label>("labels", {static_cast<std::int64_t>(labels.size())}, Label{}).template write<Label>(labels);
}

// An HDF5 file with one split of synthetic images.
template <class Pixel = std::uint8_t, class Label = std::int64_t>
std::filesystem::path put_split(const std::filesystem::path& path, const Shape& shape, const std::vector<Label>& labels) {
    h5::create_atomically(path, [&](h5::Group root) { put_arrays(std::move(root), shape, labels, pixels<Pixel>(shape)); });
    return path;
}

// The train split alone.
inline Source train_of(const std::filesystem::path& path) {
    Source source;
    source.set = own_set;
    source.files["train"] = path;
    source.splits = {"train"};
    return source;
}

}  // namespace orograph::data
