#include "orograph/gpu/perturb.hpp"

#include "orograph/core/random.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orograph::gpu {

namespace {

std::vector<float> normal_values(std::size_t count, std::uint64_t stream) {
    std::vector<float> values(count);
    CounterRandom(7, stream).fill_normal(values);
    return values;
}

// A product of two floats is exact in double, and a sum rounded to double and then to float is rounded as if once (53 >= 2 * 24 + 2;
// Figueroa 1995): double arithmetic is an independent oracle.
float rounded_once(float value, float coordinate, float direction) {
    const auto product = static_cast<float>(static_cast<double>(coordinate) * direction);
    return static_cast<float>(static_cast<double>(value) + product);
}

class Perturb : public testing::TestWithParam<std::size_t> {};

TEST_P(Perturb, RoundsEveryProductAndSumOnce) {
    const std::size_t count = 1003, dimensions = GetParam();
    const auto centre = normal_values(count, 0);
    std::vector<std::vector<float>> storage;
    std::vector<float> coordinates;
    for (std::size_t k = 0; k < dimensions; ++k) {
        storage.push_back(normal_values(count, k + 1));
        coordinates.push_back(0.1F * static_cast<float>(k + 1) - 0.25F);
    }
    const std::vector<std::span<const float>> directions(storage.begin(), storage.end());
    std::vector<float> out(count);
    perturb_cpu(out, centre, directions, coordinates);
    std::size_t compared = 0;
    for (std::size_t i = 0; i < count; ++i, ++compared) {
        float expected = centre[i];
        for (std::size_t k = 0; k < dimensions; ++k) expected = rounded_once(expected, coordinates[k], storage[k][i]);
        ASSERT_EQ(out[i], expected) << i;
    }
    EXPECT_EQ(compared, count);
}

INSTANTIATE_TEST_SUITE_P(Dimensions, Perturb, testing::Values(0, 1, 2, 3, 9));

TEST(Perturb, WorksInPlace) {
    const auto centre = normal_values(100, 0), direction = normal_values(100, 1);
    const std::vector<std::span<const float>> directions{direction};
    const std::vector<float> coordinates{0.3F};
    std::vector<float> out(100), in_place = centre;
    perturb_cpu(out, centre, directions, coordinates);
    perturb_cpu(in_place, in_place, directions, coordinates);
    EXPECT_EQ(out, in_place);
    EXPECT_NE(out, centre);
}

}  // namespace

}  // namespace orograph::gpu
