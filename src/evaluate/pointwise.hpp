#pragma once

#include "channel_sums.hpp"

// Steps that compute each number of a value by itself: concatenation, scale and shift of each channel, addition, ReLU. Free of torch and
// oneDNN. Products and sums are rounded one by one, so that all instruction sets give the same bits.
namespace orograph::evaluate {

// Channel c of pixel p lies at (c / lanes * pixels + p) * lanes + c % lanes from the image's beginning. With a single pixel that is c.
struct PointwisePart {
    const void* data = nullptr;
    std::int64_t channels = 0;
    std::int64_t stride = 0;  // elements from one image to the next
};

struct PointwiseCall {
    const PointwisePart* parts = nullptr;  // their channels lie one behind the other in the result
    int part_count = 0;
    const void* residual = nullptr;  // added; null: nothing. It may be the destination
    std::int64_t residual_stride = 0;
    void* destination = nullptr;
    std::int64_t stride = 0;       // of the destination; channels that it has beyond the parts' become 0
    const float* scale = nullptr;  // [channels]; null: none
    const float* shift = nullptr;  // likewise
    std::int64_t images = 0, channels = 0, pixels = 0;
    bool bfloat16 = false;  // parts, residual and destination; else float32
    bool relu = false;
};

// One instruction set's kernels.
struct PointwiseKernel {
    int lanes = 0;

    // Whether all results were finite, looked at before the ReLU.
    bool (*run)(const PointwiseCall&) = nullptr;

    void (*sum_channels)(const ChannelSumsCall&) = nullptr;
};

extern const PointwiseKernel pointwise_sse2;    // 8 lanes; for every x86-64
extern const PointwiseKernel pointwise_avx2;    // 8 lanes
extern const PointwiseKernel pointwise_avx512;  // 16 lanes; needs AVX-512F and BW

}  // namespace orograph::evaluate
