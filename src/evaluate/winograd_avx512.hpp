#pragma once

#include "winograd_kernel.hpp"

#include <immintrin.h>

// For source files compiled with AVX-512F.
namespace orograph::evaluate {

namespace {

struct Avx512 {
    using V = __m512;
    static constexpr int lanes = 16;
    static constexpr int rows = 12;
    static V zero() { return _mm512_setzero_ps(); }
    static V broadcast(float value) { return _mm512_set1_ps(value); }
    static V load(const float* from) { return _mm512_loadu_ps(from); }
    static void store(float* to, V value) { _mm512_storeu_ps(to, value); }
    static void stream(float* to, V value) { _mm512_stream_ps(to, value); }
    static void fence() { _mm_sfence(); }
    static V add(V a, V b) { return _mm512_add_ps(a, b); }
    static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
    static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
    static V max(V a, V b) { return _mm512_max_ps(a, b); }
    static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
    static V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
};

}  // namespace

}  // namespace orograph::evaluate
