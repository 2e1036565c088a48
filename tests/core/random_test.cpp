#include "orograph/core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

namespace orograph {
namespace {

using Block = std::array<std::uint32_t, 4>;

constexpr std::uint64_t ones = ~std::uint64_t{0};

// Known answers for philox4x32-10 that its authors publish with Random123 1.14 (tests/kat_vectors).
TEST(CounterRandom, PhiloxKnownAnswers) {
    EXPECT_EQ(CounterRandom(0, 0).block(0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(CounterRandom(ones, ones).block(ones), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(CounterRandom(0x299f31d0a4093822, 0x0370734413198a2e).block(0x85a308d3243f6a88),
              (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// From the words of the block by another way: long double arithmetic.
TEST(CounterRandom, UniformAndNormalFollowFromTheBlock) {
    const CounterRandom random(7, 3);
    int compared = 0;
    for (std::uint64_t index = 0; index < 1000; ++index) {
        const auto words = random.block(index);
        const auto fraction = [&](int low) { return std::floor(words[low + 1] * 0x1p21L + words[low] * 0x1p-11L) * 0x1p-53L; };
        EXPECT_EQ(random.uniform(index), static_cast<double>(fraction(0)));
        const long double normal = std::sqrt(-2 * std::log(1 - fraction(0))) * std::cos(2 * std::numbers::pi_v<long double> * fraction(2));
        EXPECT_NEAR(random.normal(index), static_cast<double>(normal), 1e-13);
        ++compared;
    }
    EXPECT_EQ(compared, 1000);
}

TEST(CounterRandom, UniformFillsTheUnitIntervalEvenly) {
    const CounterRandom random(1, 0);
    constexpr int count = 100000;
    std::array<int, 20> bins{};
    for (int i = 0; i < count; ++i) {
        const double value = random.uniform(i);
        ASSERT_GE(value, 0);
        ASSERT_LT(value, 1);
        ++bins[static_cast<std::size_t>(value * 20)];
    }
    double chi_squared = 0;
    for (const int bin : bins) chi_squared += std::pow(bin - count / 20, 2) / (count / 20.0);
    EXPECT_LT(chi_squared, 43.8);  // 99.9 % of chi-squared with 19 degrees of freedom
}

// Kolmogorov-Smirnov distance to the normal distribution; 1.95 / sqrt(n) is its 99.9 % point.
TEST(CounterRandom, NormalIsStandardNormal) {
    const CounterRandom random(2, 5);
    constexpr std::size_t count = 50000;
    std::vector<double> values(count);
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = random.normal(i);
        sum += values[i];
        squares += values[i] * values[i];
    }
    std::sort(values.begin(), values.end());
    double distance = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double expected = std::erfc(-values[i] / std::numbers::sqrt2) / 2;
        distance = std::max(distance, std::abs(expected - (i + 0.5) / count));
    }
    EXPECT_LT(distance, 1.95 / std::sqrt(count));
    EXPECT_NEAR(sum / count, 0, 4 / std::sqrt(count));
    EXPECT_NEAR(squares / count, 1, 4 * std::sqrt(2.0 / count));
}

TEST(CounterRandom, SeedStreamAndIndexAllMatter) {
    std::vector<Block> blocks;
    for (std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32})
        for (std::uint64_t stream : {0ULL, 1ULL, 1ULL << 32})
            for (std::uint64_t index : {0ULL, 1ULL, 1ULL << 32}) blocks.push_back(CounterRandom(seed, stream).block(index));
    std::sort(blocks.begin(), blocks.end());
    EXPECT_EQ(blocks.size(), 27U);
    EXPECT_EQ(std::unique(blocks.begin(), blocks.end()), blocks.end());
}

TEST(CounterRandom, NeighbouringStreamsAreUncorrelated) {
    constexpr int count = 20000;
    double product = 0;
    for (int i = 0; i < count; ++i) product += CounterRandom(1, 0).normal(i) * CounterRandom(1, 1).normal(i);
    EXPECT_NEAR(product / count, 0, 4 / std::sqrt(count));
}

TEST(CounterRandom, FillNormalIsTheSameInPieces) {
    const CounterRandom random(11, 4);
    std::vector<float> whole(1001);
    random.fill_normal(whole, 17);
    std::vector<float> pieces(1001);
    random.fill_normal(std::span(pieces).subspan(400), 417);
    random.fill_normal(std::span(pieces).first(400), 17);
    EXPECT_EQ(pieces, whole);
    for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_EQ(whole[i], static_cast<float>(random.normal(17 + i)));
    random.fill_normal({});
}

TEST(CounterRandom, BelowIsEvenAndBounded) {
    const CounterRandom random(3, 0);
    std::array<int, 7> counts{};
    constexpr int draws = 70000;
    for (int i = 0; i < draws; ++i) {
        const auto value = random.below(7, i);
        ASSERT_LT(value, 7U);
        ++counts[value];
        ASSERT_EQ(random.below(1, i), 0U);
    }
    double chi_squared = 0;
    for (const int count : counts) chi_squared += std::pow(count - draws / 7, 2) / (draws / 7.0);
    EXPECT_LT(chi_squared, 22.5);  // 99.9 % of chi-squared with 6 degrees of freedom
}

// floor(bits * (2^63 + 1) / 2^64) by hand.
TEST(CounterRandom, BelowTakesBoundsBeyond63Bits) {
    const CounterRandom random(3, 0);
    constexpr std::uint64_t half = std::uint64_t{1} << 63;
    int rounded_up = 0;
    for (std::uint64_t index = 0; index < 100; ++index) {
        const auto words = random.block(index);
        const auto bits = std::uint64_t{words[1]} << 32 | words[0];
        const bool up = bits % 2 == 1 && bits >= half;
        rounded_up += up;
        EXPECT_EQ(random.below(half + 1, index), bits / 2 + (up ? 1 : 0));
    }
    EXPECT_GT(rounded_up, 0);
}

TEST(CounterRandom, PermutationHoldsEveryNumberOnce) {
    for (const std::size_t size : {0, 1, 2, 1000}) {
        std::vector<std::int64_t> order(size, -1);
        CounterRandom(1, 2).fill_permutation(order);
        std::vector<std::int64_t> again(size);
        CounterRandom(1, 2).fill_permutation(again);
        EXPECT_EQ(order, again);
        std::sort(order.begin(), order.end());
        for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(order[i], static_cast<std::int64_t>(i));
    }
}

TEST(CounterRandom, AllPermutationsAreEquallyLikely) {
    std::map<std::vector<std::int64_t>, int> seen;
    constexpr int draws = 24000;
    for (int seed = 0; seed < draws; ++seed) {
        std::vector<std::int64_t> order(4);
        CounterRandom(seed, 0).fill_permutation(order);
        ++seen[order];
    }
    ASSERT_EQ(seen.size(), 24U);
    double chi_squared = 0;
    for (const auto& [order, count] : seen) chi_squared += std::pow(count - draws / 24, 2) / (draws / 24.0);
    EXPECT_LT(chi_squared, 49.7);  // 99.9 % of chi-squared with 23 degrees of freedom
}

}  // namespace
}  // namespace orograph
