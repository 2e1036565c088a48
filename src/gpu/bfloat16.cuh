#pragma once

#include <cuda_bf16.h>

// Of numbers of either type, from and to float32.
namespace orograph::gpu {

__device__ inline float to_float(float value) {
    return value;
}

__device__ inline float to_float(__nv_bfloat16 value) {
    return __bfloat162float(value);
}

__device__ inline void assign(float& to, float value) {
    to = value;
}

__device__ inline void assign(__nv_bfloat16& to, float value) {
    to = __float2bfloat16_rn(value);
}

}  // namespace orograph::gpu
