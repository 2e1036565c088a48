#pragma once

#include "fresh_folder.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace orograph::data {

// Big-endian 32-bit words.
inline std::string words(std::initializer_list<std::uint32_t> values) {
    std::string out;
    for (const std::uint32_t value : values) {
        for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xFF);
    }
    return out;
}

// Byte of pixel (row, column) of image n in the synthetic files.
inline std::uint8_t pixel(std::int64_t n, std::int64_t row, std::int64_t column) {
    return static_cast<std::uint8_t>((n * 131 + row * 28 + column * 3) % 256);
}

inline std::string idx_images(std::uint32_t count) {
    std::string file = words({0x803, count, 28, 28});
    for (std::uint32_t n = 0; n < count; ++n) {
        for (int row = 0; row < 28; ++row) {
            for (int column = 0; column < 28; ++column) file += static_cast<char>(pixel(n, row, column));
        }
    }
    return file;
}

// Label k is k % 10.
inline std::string idx_labels(std::uint32_t count) {
    std::string file = words({0x801, count});
    for (std::uint32_t n = 0; n < count; ++n) file += static_cast<char>(n % 10);
    return file;
}

// A folder with MNIST's four files, plain.
class IdxFolder : public testing_support::FreshFolder {
public:
    IdxFolder(std::uint32_t train, std::uint32_t test) {
        testing_support::put(*this / "train-images-idx3-ubyte", idx_images(train));
        testing_support::put(*this / "train-labels-idx1-ubyte", idx_labels(train));
        testing_support::put(*this / "t10k-images-idx3-ubyte", idx_images(test));
        testing_support::put(*this / "t10k-labels-idx1-ubyte", idx_labels(test));
    }
};

}  // namespace orograph::data
