#include "pointwise_variants.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace orograph::evaluate {

namespace {

class ChannelSums : public testing::TestWithParam<Variant> {
protected:
    void SetUp() override {
        if (!has(GetParam().needs)) GTEST_SKIP() << "this CPU has no " << GetParam().needs;
    }
};

struct Sums {
    std::vector<double> values, squares;
};

// The definition, in its order. Values lie in groups of `lanes` channels; the last group is there whole, or a single pixel is a row.
Sums expected(const std::vector<float>& data, const ChannelSumsCall& call, int lanes) {
    Sums sums{std::vector<double>(static_cast<std::size_t>(call.channels)), std::vector<double>(static_cast<std::size_t>(call.channels))};
    for (std::int64_t n = 0; n < call.images; ++n)
        for (std::int64_t c = 0; c < call.channels; ++c) {
            double values[2] = {}, squares[2] = {};
            for (std::int64_t p = 0; p < call.pixels; ++p) {
                const double value = data[static_cast<std::size_t>(n * call.stride + (c / lanes * call.pixels + p) * lanes + c % lanes)];
                values[p % 2] += value;
                squares[p % 2] += value * value;
            }
            sums.values[c] += values[0] + values[1];
            sums.squares[c] += squares[0] + squares[1];
        }
    return sums;
}

// Odd numbers of everything, bit for bit; in one call or image by image.
TEST_P(ChannelSums, AreTheDefinitionBitForBit) {
    const PointwiseKernel& kernel = *GetParam().kernel;
    std::mt19937_64 generator(3);
    std::normal_distribution<float> normal(2, 3);
    int compared = 0;
    for (const std::int64_t channels : {1, 5, 8, 16, 21, 48})
        for (const std::int64_t pixels : {1, 2, 7, 64})
            for (const bool row : {false, true}) {
                if (row && pixels > 1) continue;
                const std::int64_t padded = row ? channels : (channels + kernel.lanes - 1) / kernel.lanes * kernel.lanes;
                std::vector<float> data(static_cast<std::size_t>(3 * padded * pixels));
                for (float& value : data) value = normal(generator);
                Sums whole{std::vector<double>(static_cast<std::size_t>(channels)),
                           std::vector<double>(static_cast<std::size_t>(channels))};
                Sums parts = whole;
                ChannelSumsCall call{data.data(), padded * pixels, 3, channels, pixels, whole.values.data(), whole.squares.data()};
                const Sums wanted = expected(data, call, kernel.lanes);
                kernel.sum_channels(call);
                call.images = 1;
                call.sums = parts.values.data();
                call.squares = parts.squares.data();
                for (int n = 0; n < 3; ++n, call.data += call.stride) kernel.sum_channels(call);
                EXPECT_EQ(whole.values, wanted.values) << channels << " channels, " << pixels << " pixels";
                EXPECT_EQ(whole.squares, wanted.squares);
                EXPECT_EQ(parts.values, wanted.values);
                EXPECT_EQ(parts.squares, wanted.squares);
                ++compared;
            }
    EXPECT_EQ(compared, 6 * 5);
}

INSTANTIATE_TEST_SUITE_P(All, ChannelSums, testing::ValuesIn(variants), [](const auto& info) { return std::string(info.param.name); });

}  // namespace

}  // namespace orograph::evaluate
