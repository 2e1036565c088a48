#include "orograph/gpu/activation.hpp"

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

float upper_half(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

TEST(FinishLayer, AddsBiasAndResidualAndCutsOff) {
    constexpr std::int64_t rows = 13, columns = 7;
    const auto values = normal_values(rows * columns, 0), residual = normal_values(rows * columns, 1), bias = normal_values(columns, 2);
    int compared = 0;
    for (const bool with_bias : {false, true})
        for (const bool with_residual : {false, true})
            for (const bool relu : {false, true}) {
                auto out = values;
                finish_layer_cpu(out.data(), Element::float32, rows, columns, with_bias ? bias.data() : nullptr,
                                 with_residual ? residual.data() : nullptr, relu);
                for (std::size_t i = 0; i < out.size(); ++i, ++compared) {
                    const double expected =
                        static_cast<double>(values[i]) + (with_bias ? bias[i % columns] : 0) + (with_residual ? residual[i] : 0);
                    ASSERT_NEAR(out[i], relu ? std::fmax(expected, 0) : expected, 3e-7 * (1 + std::abs(expected)));
                }
            }
    EXPECT_EQ(compared, 8 * rows * columns);
}

TEST(FinishLayer, RoundsBfloat16ToTheNearestEven) {
    // 1 + 1/128 is the next after 1; halfway cases go to the even one.
    std::vector<std::uint16_t> values{0x3f80, 0x3f81, 0x3f80, 0x7f80};
    const std::vector<float> bias{1.0F / 256, 1.0F / 256, 1.01F / 256, 1};
    finish_layer_cpu(values.data(), Element::bfloat16, 1, 4, bias.data(), nullptr, false);
    EXPECT_EQ(values, (std::vector<std::uint16_t>{0x3f80, 0x3f82, 0x3f81, 0x7f80}));
    EXPECT_EQ(upper_half(0x3f82), 1 + 2.0F / 128);
}

TEST(FinishLayer, KeepsNan) {
    std::vector<float> values{nan, -inf, inf, -1};
    finish_layer_cpu(values.data(), Element::float32, 1, 4, nullptr, nullptr, true);
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_EQ(values[1], 0);
    EXPECT_EQ(values[2], inf);
    EXPECT_EQ(values[3], 0);
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
