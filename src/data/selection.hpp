#pragma once

#include "orograph/data/dataset.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace orograph::data {

// Error(config) where limit, sample or corrupt can fit no set.
void check_selection(const Source& source);

// Which images of a split of `size` to keep, in ascending order. Error(config) where there are fewer than the sample asks for.
std::vector<std::int64_t> select(const Source& source, const std::string& split, std::int64_t size);

// In place, for the labels of a whole split.
void corrupt_labels(const Corruption& corruption, int classes, std::vector<std::int64_t>& labels);

}  // namespace orograph::data
