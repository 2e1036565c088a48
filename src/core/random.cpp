#include "orograph/core/random.hpp"

#include "orograph/core/error.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace orograph {
namespace {

__extension__ using Wide = unsigned __int128;

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}

std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}

std::uint64_t joined(std::uint32_t low_half, std::uint32_t high_half) {
    return std::uint64_t{high_half} << 32 | low_half;
}

// The multipliers of Salmon et al. 2011, table 2 (Philox-4x32).
Counter philox_round(const Counter& c, const Key& key) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * c[2];
    return {high(product1) ^ c[1] ^ key[0], low(product1), high(product0) ^ c[3] ^ key[1], low(product0)};
}

// The key schedule's steps are the golden ratio and sqrt(3) - 1 in 32 bits, section 3.2 (Weyl sequence).
Counter philox(Counter counter, Key key) {
    constexpr int rounds = 10;
    for (int round = 0; round < rounds; ++round) {
        counter = philox_round(counter, key);
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return counter;
}

// In [0, 1): the upper 53 bits.
double unit_interval(std::uint64_t bits) {
    return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

// Counter = index (low, high), stream (low, high); key = seed (low, high).
std::array<std::uint32_t, 4> CounterRandom::block(std::uint64_t index) const {
    return philox({low(index), high(index), low(stream_), high(stream_)}, {low(seed_), high(seed_)});
}

double CounterRandom::uniform(std::uint64_t index) const {
    const auto words = block(index);
    return unit_interval(joined(words[0], words[1]));
}

// The upper half of a 64x64-bit product.
std::uint64_t CounterRandom::below(std::uint64_t bound, std::uint64_t index) const {
    OROGRAPH_EXPECT(bound > 0);
    const auto words = block(index);
    return static_cast<std::uint64_t>(Wide{joined(words[0], words[1])} * bound >> 64);
}

// The radius comes from (0, 1], whose logarithm is finite; the largest value is about 8.6.
double CounterRandom::normal(std::uint64_t index) const {
    const auto words = block(index);
    const double radius = std::sqrt(-2 * std::log(1 - unit_interval(joined(words[0], words[1]))));
    return radius * std::cos(2 * std::numbers::pi * unit_interval(joined(words[2], words[3])));
}

void CounterRandom::fill_normal(std::span<float> out, std::uint64_t first) const {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(normal(first + i));
}

void CounterRandom::fill_permutation(std::span<std::int64_t> out) const {
    std::iota(out.begin(), out.end(), std::int64_t{0});
    for (std::size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[below(i, i - 1)]);
}

}  // namespace orograph
