#pragma once

#include "raw_split.hpp"

#include "orograph/core/fingerprint.hpp"

#include <cstdint>
#include <span>

namespace orograph::data {

// Reads the images `indices` (ascending) of a split, normalises them, surrounds them by their margin of zero pixels, and adds the split's
// name, the images as stored and their labels to the digest. Error(data): an image is not finite then.
Split make_resident(const RawSplit& raw, std::span<const std::int64_t> indices, const Normalization& constants, int classes,
                    Fingerprint& digest);

}  // namespace orograph::data
