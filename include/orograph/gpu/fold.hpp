#pragma once

#include "orograph/gpu/fold_layer.hpp"

#include <span>

namespace orograph::gpu {

// The folded weights of a point in one pass over the flat vectors: perturbs (float32, as perturb_cpu), folds batch norm (scale = gamma /
// sqrt(variance + epsilon), weight * scale, beta + (bias - mean) * scale plus the addend's bias) in float64, rounds once to float32 (and
// from there to bfloat16), changes [channels, window] to [window, padded channels]. Host memory.
void fold_point_cpu(std::span<const FoldLayer> layers, const FoldPoint& point, const FoldedPoint& folded);

// The same, bit for bit but for the order in which `norm` is added up, on the current CUDA device, queued on `stream` (a cudaStream_t)
// without waiting. All pointers, `layers` too, on the device; max_outputs: the most outputs of a layer. Error(unavailable) where the
// program was built without CUDA or the launch fails.
void fold_point_cuda(const FoldLayer* layers, int layer_count, int max_outputs, const FoldPoint& point, const FoldedPoint& folded,
                     void* stream);

}  // namespace orograph::gpu
