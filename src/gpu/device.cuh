#pragma once

#include <cstddef>

// What all kernels share.
namespace orograph::gpu {

constexpr int block_threads = 256;

// Enough blocks to fill the largest device; loops are grid-strided.
inline unsigned int block_count(std::size_t count) {
    constexpr std::size_t most = 2048;
    const std::size_t needed = (count + block_threads - 1) / block_threads;
    return static_cast<unsigned int>(needed < most ? needed : most);
}

__device__ inline std::size_t first_index() {
    return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ inline std::size_t grid_stride() {
    return static_cast<std::size_t>(gridDim.x) * blockDim.x;
}

}  // namespace orograph::gpu
