#include "bfloat16.hpp"

#include "orograph/gpu/magnitude.hpp"

#include <algorithm>

namespace orograph::gpu {

void raise_to_magnitude_cpu(const void* values, Element element, std::int64_t count, std::uint32_t* slot) {
    for (std::int64_t i = 0; i < count; ++i) *slot = std::max(*slot, std::bit_cast<std::uint32_t>(load(values, element, i)) & 0x7fffffffU);
}

}  // namespace orograph::gpu
