#pragma once

#include <cstddef>
#include <cstdint>

// Convolutions with a 3x3 window, stride 1 and padding 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2016, "Fast algorithms
// for convolutional neural networks", sec. 4): 36 products for 16 results where the direct form takes 144. Each 6x6 patch of the input and
// each filter is transformed, 36 matrix products over the channels follow, and their results are transformed back.
// An output's bits depend on its patch, the weights and the instruction set only: not on its place in the batch, nor on the blocking.
// Free of torch and oneDNN.
namespace orograph::evaluate {

struct WinogradShape {
    std::int64_t images = 0, inputs = 0, outputs = 0, height = 0, width = 0;  // inputs, outputs: channels, multiples of `lanes`
    std::int64_t tiles = 0;                                                   // 4x4 tiles computed together, >= 1
};

// Activations lie as [images, channels / lanes, height, width, lanes], float32 or bfloat16 as the kernels have it.
struct WinogradCall {
    const void* source = nullptr;
    const void* weights = nullptr;  // as pack() left them
    const float* bias = nullptr;    // [outputs]
    void* destination = nullptr;
    void* scratch = nullptr;  // scratch_bytes(), of the calling thread
    bool accumulate = false;  // add what the destination holds (the residual) before the ReLU
    bool relu = false;
};

// One instruction set's kernels.
struct WinogradKernels {
    int lanes = 0;  // floats a vector
    int rows = 0;   // tiles are multiplied in groups of so many
    std::int64_t (*weight_bytes)(const WinogradShape&) = nullptr;
    std::int64_t (*scratch_bytes)(const WinogradShape&) = nullptr;

    // Transforms the filters [last - first, inputs, 3, 3] of outputs [first, last) in float64, or float32 for bfloat16, to their place in
    // `packed`, which has room for all. `first` is a multiple of panel_outputs, `last` too or the end.
    void (*pack)(const WinogradShape&, const float* filters, std::int64_t first, std::int64_t last, void* packed) = nullptr;
    int panel_outputs = 0;

    // Whether all results were finite, looked at before the ReLU.
    bool (*run)(const WinogradShape&, const WinogradCall&) = nullptr;
};

extern const WinogradKernels winograd_avx2;    // needs AVX2 and FMA
extern const WinogradKernels winograd_avx512;  // needs AVX-512F

// Of bfloat16 activations; transformed patches and filters are rounded to bfloat16, everything else is float32. Needs AVX512-BF16.
extern const WinogradKernels winograd_avx512_bf16;

}  // namespace orograph::evaluate
