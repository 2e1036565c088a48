#pragma once

#include <cstddef>
#include <span>

// A point of an affine subspace: out = centre + c0*d0 + c1*d1 + ..., in float32, from left to right, every product and every sum rounded
// once. The CPU and the CUDA version therefore agree bit for bit.
namespace orograph::gpu {

// All buffers on the host and of out.size() elements; `out` may be `centre`. As many coordinates as directions (precondition).
void perturb_cpu(std::span<float> out, std::span<const float> centre, std::span<const std::span<const float>> directions,
                 std::span<const float> coordinates);

// All pointers on the current CUDA device, `count` elements each; `out` may be `centre`. Queued on `stream` (a cudaStream_t; null: the
// default stream) without waiting. Error(unavailable) where the program was built without CUDA or the launch fails.
void perturb_cuda(float* out, const float* centre, std::size_t count, std::span<const float* const> directions,
                  std::span<const float> coordinates, void* stream);

}  // namespace orograph::gpu
