#include "device.cuh"
#include "launch.hpp"

#include <cuda_bf16.h>

namespace orograph::gpu {

namespace {

constexpr int fold_threads = 128;

// The _rn intrinsics are never contracted to a fused multiply-add.
__device__ float perturbed(const float* centre, const float* const* directions, const FoldPoint& point, std::int64_t index) {
    float value = centre[index];
    for (int k = 0; k < point.directions; ++k)
        if (directions[k] != nullptr) value = __fadd_rn(value, __fmul_rn(point.coefficient[k], directions[k][index]));
    return value;
}

__device__ float parameter(const FoldPoint& point, std::int64_t index) {
    return perturbed(point.parameters, point.parameter_direction, point, index);
}

__device__ float state(const FoldPoint& point, std::int64_t index) {
    return perturbed(point.states, point.state_direction, point, index);
}

struct Fold {
    double scale = 1, bias = 0;
};

__device__ Fold fold_of(const FoldLayer& layer, const FoldPoint& point, int output) {
    Fold fold;
    if (layer.bias >= 0) fold.bias = parameter(point, layer.bias + output);
    if (layer.variance < 0) return fold;
    const double gamma = layer.gamma >= 0 ? parameter(point, layer.gamma + output) : 1;
    const double beta = layer.beta >= 0 ? parameter(point, layer.beta + output) : 0;
    const double deviation = __dsqrt_rn(__dadd_rn(state(point, layer.variance + output), layer.epsilon));
    fold.scale = __ddiv_rn(gamma, deviation);
    const double centred = __dsub_rn(fold.bias, state(point, layer.mean + output));
    fold.bias = __dadd_rn(beta, __dmul_rn(centred, fold.scale));
    return fold;
}

// Stores and returns what is stored.
__device__ float store(unsigned char* out, Element element, std::int64_t index, float value) {
    if (element == Element::float32) {
        reinterpret_cast<float*>(out)[index] = value;
        return value;
    }
    const __nv_bfloat16 rounded = __float2bfloat16_rn(value);
    reinterpret_cast<__nv_bfloat16*>(out)[index] = rounded;
    return __bfloat162float(rounded);
}

// Sum over the block in a fixed tree; in thread 0.
__device__ double block_sum(double value) {
    __shared__ double values[fold_threads];
    values[threadIdx.x] = value;
    __syncthreads();
    for (unsigned int half = fold_threads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) values[threadIdx.x] += values[threadIdx.x + half];
        __syncthreads();
    }
    return values[0];
}

// Block (k, l): output k of layer l.
__global__ void fold_point(const FoldLayer* layers, const __grid_constant__ FoldPoint point, FoldedPoint folded) {
    const FoldLayer layer = layers[blockIdx.y];
    const int output = static_cast<int>(blockIdx.x);
    if (output >= layer.outputs) return;
    const Fold fold = fold_of(layer, point, output);
    const int columns = layer.padded_channels, count = layer.window * columns;
    const std::int64_t first = layer.weight + static_cast<std::int64_t>(output) * layer.channels * layer.window;
    const std::int64_t first_out = static_cast<std::int64_t>(output) * count;
    double norm = 0;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += fold_threads) {
        const int channel = i % columns, position = i / columns;
        float value = 0;
        if (channel < layer.channels) {
            const double weight =
                layer.weight < 0 ? 1 : parameter(point, first + static_cast<std::int64_t>(channel) * layer.window + position);
            value = static_cast<float>(__dmul_rn(fold.scale, weight));
        }
        norm += fabsf(store(folded.weights + layer.weight_out, layer.element, first_out + i, value));
    }
    norm = block_sum(norm);
    if (threadIdx.x != 0) return;
    const double addend = layer.addend >= 0 ? fold_of(layers[layer.addend], point, output).bias : 0;
    const auto bias = static_cast<float>(__dadd_rn(fold.bias, addend));
    folded.bias[layer.row_out + output] = bias;
    folded.norm[layer.row_out + output] = static_cast<float>(norm);
    if (folded.bias_bfloat16 != nullptr)
        reinterpret_cast<__nv_bfloat16*>(folded.bias_bfloat16)[layer.row_out + output] = __float2bfloat16_rn(bias);
}

}  // namespace

cudaError_t launch_fold_point(const FoldLayer* layers, int layer_count, int max_outputs, const FoldPoint& point, const FoldedPoint& folded,
                              cudaStream_t stream) {
    if (layer_count == 0 || max_outputs == 0) return cudaSuccess;
    const dim3 blocks(static_cast<unsigned int>(max_outputs), static_cast<unsigned int>(layer_count));
    fold_point<<<blocks, fold_threads, 0, stream>>>(layers, point, folded);
    return cudaGetLastError();
}

}  // namespace orograph::gpu
