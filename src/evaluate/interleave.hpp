#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

// The packing of a linear layer's weights, which the library's reorder does number by number.
namespace orograph::evaluate {

namespace detail {

using Four = float __attribute__((vector_size(16)));
using Order = std::int32_t __attribute__((vector_size(16)));

// to[i * stride + lane] = from[lane * row + i] for four lanes and four i.
inline void transpose_4x4(const float* from, std::int64_t row, float* to, std::int64_t stride) {
    Four a, b, c, d;
    std::memcpy(&a, from, sizeof a);
    std::memcpy(&b, from + row, sizeof b);
    std::memcpy(&c, from + 2 * row, sizeof c);
    std::memcpy(&d, from + 3 * row, sizeof d);
    constexpr Order low{0, 4, 1, 5}, high{2, 6, 3, 7}, first{0, 1, 4, 5}, second{2, 3, 6, 7};
    const Four ab_low = __builtin_shuffle(a, b, low), ab_high = __builtin_shuffle(a, b, high);
    const Four cd_low = __builtin_shuffle(c, d, low), cd_high = __builtin_shuffle(c, d, high);
    const Four columns[4] = {__builtin_shuffle(ab_low, cd_low, first), __builtin_shuffle(ab_low, cd_low, second),
                             __builtin_shuffle(ab_high, cd_high, first), __builtin_shuffle(ab_high, cd_high, second)};
    for (std::int64_t i = 0; i < 4; ++i) std::memcpy(to + i * stride, &columns[i], sizeof columns[i]);
}

}  // namespace detail

// Rows [outputs, inputs] as [outputs / lanes, inputs, lanes], the last group filled up with zeros. lanes: a multiple of 4.
inline void interleave(const float* rows, std::int64_t outputs, std::int64_t inputs, std::int64_t lanes, float* packed) {
    const std::int64_t whole = inputs / 4 * 4;
    for (std::int64_t first = 0; first < outputs; first += lanes) {
        float* const group = packed + first * inputs;
        const std::int64_t count = std::min(lanes, outputs - first), fours = count / 4 * 4;
        if (count < lanes) std::fill_n(group, inputs * lanes, 0.F);
        const float* const from = rows + first * inputs;
        for (std::int64_t line = 0; line < whole; line += 16)  // floats of a line of the cache
            for (std::int64_t lane = 0; lane < fours; lane += 4)
                for (std::int64_t i = line; i < std::min(line + 16, whole); i += 4)
                    detail::transpose_4x4(from + lane * inputs + i, inputs, group + i * lanes + lane, lanes);
        for (std::int64_t lane = 0; lane < count; ++lane)
            for (std::int64_t i = lane < fours ? whole : 0; i < inputs; ++i) group[i * lanes + lane] = from[lane * inputs + i];
    }
}

}  // namespace orograph::evaluate
