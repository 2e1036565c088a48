#include "orograph/gpu/pointwise.hpp"

#include "orograph/core/random.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace orograph::gpu {

namespace {

std::vector<float> normal_values(std::size_t count, std::uint64_t stream) {
    std::vector<float> values(count);
    CounterRandom(9, stream).fill_normal(values);
    return values;
}

TEST(JoinColumns, IsTheDefinition) {
    constexpr std::int64_t rows = 7;
    const std::vector<std::int64_t> widths{5, 1, 8};
    constexpr std::int64_t columns = 14;
    std::vector<std::vector<float>> values;
    std::vector<ColumnPart> parts;
    for (const std::int64_t width : widths) values.push_back(normal_values(static_cast<std::size_t>(rows * width), values.size()));
    for (std::size_t k = 0; k < widths.size(); ++k) parts.push_back({values[k].data(), widths[k]});
    const auto scale = normal_values(columns, 4), shift = normal_values(columns, 5), residual = normal_values(rows * columns, 6);
    int compared = 0;
    for (const bool scaled : {false, true})
        for (const bool shifted : {false, true})
            for (const bool added : {false, true})
                for (const bool relu : {false, true}) {
                    std::vector<float> out(rows * columns, -7);
                    join_columns_cpu(parts, Element::float32, rows, scaled ? scale.data() : nullptr, shifted ? shift.data() : nullptr,
                                     added ? residual.data() : nullptr, relu, out.data());
                    std::int64_t first = 0;
                    for (std::size_t k = 0; k < widths.size(); first += widths[k++])
                        for (std::int64_t row = 0; row < rows; ++row)
                            for (std::int64_t i = 0; i < widths[k]; ++i, ++compared) {
                                const std::int64_t column = first + i;
                                double expected = values[k][row * widths[k] + i];
                                if (scaled) expected *= scale[column];
                                if (shifted) expected += shift[column];
                                if (added) expected += residual[row * columns + column];
                                if (relu) expected = std::fmax(expected, 0);
                                ASSERT_NEAR(out[row * columns + column], expected, 4e-7 * (1 + std::abs(expected)));
                            }
                }
    EXPECT_EQ(compared, 16 * rows * columns);
}

// In place, as a layer is finished.
TEST(JoinColumns, AddsBiasAndResidualAndCutsOff) {
    constexpr std::int64_t rows = 13, columns = 7;
    const auto values = normal_values(rows * columns, 0), residual = normal_values(rows * columns, 1), bias = normal_values(columns, 2);
    int compared = 0;
    for (const bool with_bias : {false, true})
        for (const bool with_residual : {false, true})
            for (const bool relu : {false, true}) {
                auto out = values;
                join_columns_cpu(std::vector<ColumnPart>{{out.data(), columns}}, Element::float32, rows, nullptr,
                                 with_bias ? bias.data() : nullptr, with_residual ? residual.data() : nullptr, relu, out.data());
                for (std::size_t i = 0; i < out.size(); ++i, ++compared) {
                    const double expected =
                        static_cast<double>(values[i]) + (with_bias ? bias[i % columns] : 0) + (with_residual ? residual[i] : 0);
                    ASSERT_NEAR(out[i], relu ? std::fmax(expected, 0) : expected, 3e-7 * (1 + std::abs(expected)));
                }
            }
    EXPECT_EQ(compared, 8 * rows * columns);
}

TEST(JoinColumns, RoundsInPlaceToTheNearestEven) {
    // 1 + 1/128 is the next after 1; halfway cases go to the even one.
    std::vector<std::uint16_t> values{0x3f80, 0x3f81, 0x3f80, 0x7f80};
    const std::vector<float> bias{1.0F / 256, 1.0F / 256, 1.01F / 256, 1};
    join_columns_cpu(std::vector<ColumnPart>{{values.data(), 4}}, Element::bfloat16, 1, nullptr, bias.data(), nullptr, false,
                     values.data());
    EXPECT_EQ(values, (std::vector<std::uint16_t>{0x3f80, 0x3f82, 0x3f81, 0x7f80}));
    EXPECT_EQ(std::bit_cast<float>(std::uint32_t{0x3f82} << 16), 1 + 2.0F / 128);
}

TEST(JoinColumns, KeepsNan) {
    constexpr float inf = std::numeric_limits<float>::infinity();
    std::vector<float> values{std::numeric_limits<float>::quiet_NaN(), -inf, inf, -1};
    join_columns_cpu(std::vector<ColumnPart>{{values.data(), 4}}, Element::float32, 1, nullptr, nullptr, nullptr, true, values.data());
    EXPECT_TRUE(std::isnan(values[0]));
    EXPECT_EQ(values[1], 0);
    EXPECT_EQ(values[2], inf);
    EXPECT_EQ(values[3], 0);
}

TEST(JoinColumns, RoundsBfloat16ToTheNearestEvenAndKeepsNan) {
    // 1 + 1/128 is the next after 1; halfway cases go to the even one.
    const std::vector<std::uint16_t> first{0x3f80, 0x3f81}, second{0x7fc0, 0xbf80};  // 1, 1 + 1/128; NaN, -1
    const std::vector<float> scale{1, 1, 1, 1}, shift{1.0F / 256, 1.0F / 256, 0, 0};
    std::vector<std::uint16_t> out(4);
    const std::vector<ColumnPart> parts{{first.data(), 2}, {second.data(), 2}};
    join_columns_cpu(parts, Element::bfloat16, 1, scale.data(), shift.data(), nullptr, true, out.data());
    EXPECT_EQ(out[0], 0x3f80);
    EXPECT_EQ(out[1], 0x3f82);
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(static_cast<std::uint32_t>(out[2]) << 16)));
    EXPECT_EQ(out[3], 0);
}

}  // namespace

}  // namespace orograph::gpu
