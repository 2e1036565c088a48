#pragma once

#include <cuda_runtime_api.h>
#include <math.h>
#include <vector_functions.h>

#include <functional>

// What our kernels and their tests use of CUDA, on one thread of the CPU, so that the kernels' own code runs where no GPU is: their
// indices, sizes and sums, not their speed. Blocks run one after the other; the threads of a block in turn, each until the next
// __syncthreads() or its end, every other block from the last thread to the first. Device memory is the host's, of malloc. Included before
// a kernel's source, whose launches launches.sed has rewritten.
#undef __shared__
#define __shared__ static

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

void __syncthreads();

inline float __fadd_rn(float a, float b) {
    return a + b;
}
inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline double __dadd_rn(double a, double b) {
    return a + b;
}
inline double __dsub_rn(double a, double b) {
    return a - b;
}
inline double __dmul_rn(double a, double b) {
    return a * b;
}
inline double __ddiv_rn(double a, double b) {
    return a / b;
}
inline double __dsqrt_rn(double a) {
    return sqrt(a);
}
inline unsigned int max(unsigned int a, unsigned int b) {
    return a > b ? a : b;
}
inline void __stwb(uint4* to, uint4 value) {
    *to = value;
}
inline void atomicMax(unsigned int* to, unsigned int value) {
    *to = max(*to, value);
}

namespace emulation {

// Calls thread() once for each thread of each block.
void launch(dim3 blocks, dim3 threads, cudaStream_t stream, const std::function<void()>& thread);

}  // namespace emulation
