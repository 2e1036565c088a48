#include "winograd_avx512.hpp"

namespace orograph::evaluate {

namespace {

// Activations, patches and filters in bfloat16, a float32's upper half.
struct BFloat16Storage {
    using V = __m512;
    using Value = std::uint16_t;
    using Factor = std::uint16_t;
    using Factors = __m512bh;
    using Real = float;  // much finer than a factor
    static constexpr int depth = 2;
    static V load_values(const Value* from) {
        const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
    static void store_values(Value* to, V values) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded(values)); }
    static void put(Factor* to, V values) { store_values(to, values); }
    static void stream(Factor* to, V values) { _mm256_stream_si256(reinterpret_cast<__m256i*>(to), rounded(values)); }
    static Factors load(const Factor* from) { return (__m512bh)_mm512_loadu_si512(from); }
    static Factors broadcast(const Factor* from) {
        int pair;
        __builtin_memcpy(&pair, from, sizeof pair);
        return (__m512bh)_mm512_set1_epi32(pair);
    }
    static V dot(Factors a, Factors b, V sums) { return _mm512_dpbf16_ps(sums, a, b); }

private:
    static __m256i rounded(V values) { return (__m256i)_mm512_cvtneps_pbh(values); }
};

}  // namespace

const WinogradKernels winograd_avx512_bf16 = kernels_of<Avx512, BFloat16Storage>();

}  // namespace orograph::evaluate
