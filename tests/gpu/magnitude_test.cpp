#include "orograph/gpu/magnitude.hpp"

#include "orograph/core/random.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace orograph::gpu {

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> normal_values(std::size_t count, std::uint64_t stream) {
    std::vector<float> values(count);
    CounterRandom(7, stream).fill_normal(values);
    return values;
}

TEST(RaiseToMagnitude, FindsTheGreatestAndNonFiniteAboveAll) {
    auto values = normal_values(101, 0);
    values[50] = -30;
    std::uint32_t slot = std::bit_cast<std::uint32_t>(2.0F);
    raise_to_magnitude_cpu(values.data(), Element::float32, 101, &slot);
    EXPECT_EQ(std::bit_cast<float>(slot), 30);
    raise_to_magnitude_cpu(values.data(), Element::float32, 50, &slot);
    EXPECT_EQ(std::bit_cast<float>(slot), 30) << "lowered";
    values[100] = -inf;
    raise_to_magnitude_cpu(values.data(), Element::float32, 101, &slot);
    EXPECT_EQ(std::bit_cast<float>(slot), inf);
    values[0] = -nan;
    raise_to_magnitude_cpu(values.data(), Element::float32, 101, &slot);
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(slot)));
}

TEST(RaiseToMagnitude, ReadsBfloat16) {
    const std::vector<std::uint16_t> values{0x3f80, 0xc040, 0x4000};  // 1, -3, 2
    std::uint32_t slot = 0;
    raise_to_magnitude_cpu(values.data(), Element::bfloat16, 3, &slot);
    EXPECT_EQ(std::bit_cast<float>(slot), 3);
}

}  // namespace

}  // namespace orograph::gpu
