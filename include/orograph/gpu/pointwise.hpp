#pragma once

#include "orograph/gpu/element.hpp"
#include "orograph/gpu/pointwise_part.hpp"

#include <span>

// What is computed number by number of one matrix or of several side by side. All [rows, columns] in C order and of type `element`.
namespace orograph::gpu {

// The columns of `out` are those of the parts, one behind the other: value * scale + shift + residual, then, where `relu`, 0 for what is
// negative; NaN stays. In float32, every product and sum rounded once, the result once to `element`. scale, shift: [columns of out]
// float32; residual: as `out`; null where there is none. A single part may be `out` itself. Host memory.
void join_columns_cpu(std::span<const ColumnPart> parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                      const void* residual, bool relu, void* out);

// The same on the current CUDA device, bit for bit, queued on `stream` (a cudaStream_t) without waiting; `parts` on the host.
// Error(unavailable) where the program was built without CUDA or the launch fails.
void join_columns_cuda(std::span<const ColumnPart> parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                       const void* residual, bool relu, void* out, void* stream);

}  // namespace orograph::gpu
