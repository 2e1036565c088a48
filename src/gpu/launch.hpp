#pragma once

#include "orograph/gpu/fold_layer.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

// Launches of the kernels in *.cu, in the C++17 that nvcc and the host compiler share. They return cudaGetLastError() and do not
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

// slots: for each batch the sum of its losses and its correct count.
cudaError_t launch_sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, std::int64_t batch, int classes,
                              bool cross_entropy, double* slots, cudaStream_t stream);

cudaError_t launch_fold_point(const FoldLayer* layers, int layer_count, int max_outputs, const FoldPoint& point, const FoldedPoint& folded,
                              cudaStream_t stream);

// Matrices side by side of one launch; more take several launches.
constexpr int max_parts = 32;

struct PartPack {
    const void* values[max_parts];
    std::int64_t begin[max_parts + 1];  // in the columns of the result; of the last one, where it ends
    std::int64_t columns;               // of the result
    int count;
};

cudaError_t launch_join_columns(const PartPack& parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                                const void* residual, bool relu, void* out, cudaStream_t stream);

cudaError_t launch_raise_to_magnitude(const void* values, Element element, std::int64_t count, std::uint32_t* slot, cudaStream_t stream);

}  // namespace orograph::gpu
