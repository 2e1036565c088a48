#pragma once

#include "orograph/gpu/element.hpp"

#include <cstdint>

// What remains to be done to a layer's values where no library call does it. Values [rows, columns] in C order, of type `element`.
namespace orograph::gpu {

// values = values + bias + residual, then, where `relu`, 0 for what is negative; NaN stays. In float32, rounded once to `element`. bias:
// [columns] float32; residual: as values; either may be null.
void finish_layer_cpu(void* values, Element element, std::int64_t rows, std::int64_t columns, const float* bias, const void* residual,
                      bool relu);

// *slot = max(*slot, the largest magnitude), as the bits of a float32, so that a NaN is greater than infinity and infinity than all
// numbers.
void raise_to_magnitude_cpu(const void* values, Element element, std::int64_t count, std::uint32_t* slot);

// The same on the current CUDA device, bit for bit, queued on `stream` (a cudaStream_t) without waiting. `values` is aligned to 16 bytes.
// Error(unavailable) where the program was built without CUDA or the launch fails.
void finish_layer_cuda(void* values, Element element, std::int64_t rows, std::int64_t columns, const float* bias, const void* residual,
                       bool relu, void* stream);
void raise_to_magnitude_cuda(const void* values, Element element, std::int64_t count, std::uint32_t* slot, void* stream);

}  // namespace orograph::gpu
