#pragma once

#include "winograd_kernel.hpp"

#include <immintrin.h>

#include <cstring>

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

// What AVX512-BF16 does, number by number.
struct TwoAvx2BFloat16 {
    using V = TwoAvx2::V;
    using Value = std::uint16_t;
    using Factor = std::uint16_t;
    struct Factors {
        Factor numbers[32];
    };
    using Real = float;  // much finer than a factor
    static constexpr int depth = 2, lanes = TwoAvx2::lanes;

    static float widened(Value value) {
        const std::uint32_t bits = std::uint32_t{value} << 16;
        float number;
        std::memcpy(&number, &bits, sizeof number);
        return number;
    }
    // To the nearest, to even where there are two.
    static Value rounded(float number) {
        std::uint32_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        const bool nan = number != number;
        return static_cast<Value>(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }

    static V load_values(const Value* from) {
        float numbers[lanes];
        for (int i = 0; i < lanes; ++i) numbers[i] = widened(from[i]);
        return TwoAvx2::load(numbers);
    }
    static void store_values(Value* to, V values) {
        float numbers[lanes];
        TwoAvx2::store(numbers, values);
        for (int i = 0; i < lanes; ++i) to[i] = rounded(numbers[i]);
    }
    static void put(Factor* to, V values) { store_values(to, values); }
    static void stream(Factor* to, V values) { store_values(to, values); }
    static Factors load(const Factor* from) {
        Factors factors;
        std::memcpy(factors.numbers, from, sizeof factors.numbers);
        return factors;
    }
    static Factors broadcast(const Factor* from) {
        Factors factors;
        for (int i = 0; i < 2 * lanes; ++i) factors.numbers[i] = from[i % 2];
        return factors;
    }
    static V dot(Factors a, Factors b, V sums) {
        float numbers[lanes];
        TwoAvx2::store(numbers, sums);
        for (int i = 0; i < 2 * lanes; ++i) numbers[i / 2] += widened(a.numbers[i]) * widened(b.numbers[i]);
        return TwoAvx2::load(numbers);
    }
};

}  // namespace

}  // namespace orograph::evaluate
