#pragma once

#include "winograd_kernel.hpp"

#include <immintrin.h>

// For source files compiled with AVX2 and FMA.
namespace orograph::evaluate {

namespace {

// Sixteen lanes out of two AVX2 vectors: the wider kernels' logic on a CPU without AVX-512.
struct TwoAvx2 {
    struct V {
        __m256 low, high;
    };
    static constexpr int lanes = 16;
    static constexpr int rows = 12;
    static V zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
    static V broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
    static V load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
    static void store(float* to, V value) {
        _mm256_storeu_ps(to, value.low);
        _mm256_storeu_ps(to + 8, value.high);
    }
    static void stream(float* to, V value) {
        _mm256_stream_ps(to, value.low);
        _mm256_stream_ps(to + 8, value.high);
    }
    static void fence() { _mm_sfence(); }
    static V add(V a, V b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
    static V sub(V a, V b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
    static V mul(V a, V b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
    static V max(V a, V b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
    static V fma(V a, V b, V c) { return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)}; }
    static V fnma(V a, V b, V c) { return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)}; }
};

}  // namespace

}  // namespace orograph::evaluate
