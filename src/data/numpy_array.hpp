#pragma once

#include "orograph/core/pickle.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orograph::data {

// Bytes in a pickle as every Python writes them: bytes, Python 2's str, or text in Latin-1 that is to be encoded. Nothing for other values.
std::optional<std::string> bytes_in(const pickle::Tree& tree, const pickle::Value& value);

// A numpy array of integers, in C order, little-endian.
struct NumpyArray {
    std::string type;  // numpy's word: "u1", "i8"
    std::vector<std::int64_t> shape;
    std::string bytes;

    std::int64_t element(std::size_t index) const;
};

// Nothing for a value that is no array of integers. Fault for one whose sizes lie.
std::optional<NumpyArray> numpy_array(const pickle::Tree& tree, const pickle::Value& value);

}  // namespace orograph::data
