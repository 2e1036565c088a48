#pragma once

#include "orograph/gpu/element.hpp"

#include <cstdint>

namespace orograph::gpu {

// *slot = max(*slot, the largest magnitude of `count` values), as the bits of a float32, so that a NaN is greater than infinity and
// infinity than all numbers. Host memory.
void raise_to_magnitude_cpu(const void* values, Element element, std::int64_t count, std::uint32_t* slot);

// The same on the current CUDA device, bit for bit, queued on `stream` (a cudaStream_t) without waiting. `values` is aligned to 16 bytes.
// Error(unavailable) where the program was built without CUDA or the launch fails.
void raise_to_magnitude_cuda(const void* values, Element element, std::int64_t count, std::uint32_t* slot, void* stream);

}  // namespace orograph::gpu
