#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

// Launches of the kernels in kernels.cu, in the C++17 that nvcc and the host compiler share. They return cudaGetLastError() and do not
// wait.
namespace orograph::gpu {

// Directions of one perturb launch; more take several launches.
constexpr int max_directions = 8;

struct DirectionPack {
    const float* data[max_directions];
    float coordinate[max_directions];
    int count;
};

cudaError_t launch_perturb(float* out, const float* centre, std::size_t count, const DirectionPack& directions, cudaStream_t stream);

// slot: loss sum and correct count.
cudaError_t launch_sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, int classes, bool cross_entropy,
                              double* slot, cudaStream_t stream);

cudaError_t launch_flag_non_finite(const float* values, std::size_t count, std::int32_t* flag, cudaStream_t stream);

}  // namespace orograph::gpu
