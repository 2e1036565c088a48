#pragma once

#include "orograph/gpu/element.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

// On the host; the device has CUDA's own conversions, which round alike.
namespace orograph::gpu {

inline float to_float(std::uint16_t bfloat16) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat16) << 16);
}

// To the nearest, ties to even.
inline std::uint16_t to_bfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return 0x7fff;
    return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Of values of type `element`.
inline float load(const void* values, Element element, std::int64_t index) {
    if (element == Element::float32) return static_cast<const float*>(values)[index];
    return to_float(static_cast<const std::uint16_t*>(values)[index]);
}

inline void store(void* values, Element element, std::int64_t index, float value) {
    if (element == Element::float32)
        static_cast<float*>(values)[index] = value;
    else
        static_cast<std::uint16_t*>(values)[index] = to_bfloat16(value);
}

}  // namespace orograph::gpu
