#include "winograd_kernel.hpp"

#include <immintrin.h>

namespace orograph::evaluate {

namespace {

struct Avx2 {
    using V = __m256;
    static constexpr int lanes = 8;
    static constexpr int rows = 6;
    static V zero() { return _mm256_setzero_ps(); }
    static V broadcast(float value) { return _mm256_set1_ps(value); }
    static V load(const float* from) { return _mm256_loadu_ps(from); }
    static void store(float* to, V value) { _mm256_storeu_ps(to, value); }
    static void stream(float* to, V value) { _mm256_stream_ps(to, value); }
    static void fence() { _mm_sfence(); }
    static V add(V a, V b) { return _mm256_add_ps(a, b); }
    static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
    static V max(V a, V b) { return _mm256_max_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
    static V fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
};

}  // namespace

const WinogradKernels winograd_avx2 = kernels_of<Avx2>();

}  // namespace orograph::evaluate
