#pragma once

#include "orograph/h5/dataset.hpp"

#include <string>
#include <vector>

namespace orograph::h5 {

// HDF5's predefined types; not owned.
Id stored_type(Type type);
Id memory_type(Type type);

// "float32"
const char* name_of(Type type);

// A string of exactly `bytes` (at least 1) UTF-8 bytes, padded with zeros.
TypeHandle text_type(std::size_t bytes);

// `type` is a string of fixed length.
bool is_fixed_text(Id type);

// The characters up to the first zero.
std::string text_of(const std::vector<char>& padded);

// A data space of this shape; scalar where it is empty.
SpaceHandle make_space(const std::vector<std::int64_t>& shape);

}  // namespace orograph::h5
