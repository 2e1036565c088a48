#include "fixtures.hpp"

#include "orograph/landscape/parametrisation.hpp"

#include <gtest/gtest.h>

#include <array>

namespace orograph::landscape {
namespace {

using testing::lively_weights;
using testing::raw_direction;

// Every product and sum stored, so that it is rounded on its own.
float perturbed(float centre, const std::vector<float>& directions, const std::vector<float>& coordinates) {
    volatile float value = centre;
    for (std::size_t i = 0; i < directions.size(); ++i) {
        const volatile float product = coordinates[i] * directions[i];
        value = value + product;
    }
    return value;
}

std::int64_t compare(const at::Tensor& actual, const at::Tensor& centre, const std::vector<at::Tensor>& directions,
                     const std::vector<float>& coordinates) {
    std::int64_t equal = 0;
    for (std::int64_t i = 0; i < actual.numel(); ++i) {
        std::vector<float> at_i;
        for (const at::Tensor& direction : directions) at_i.push_back(direction.const_data_ptr<float>()[i]);
        equal += actual.const_data_ptr<float>()[i] == perturbed(centre.const_data_ptr<float>()[i], at_i, coordinates);
    }
    return equal;
}

class SubspaceTest : public ::testing::Test {
protected:
    model::Network network_ = model::build_network("resnet20", 1, 10);
    model::Weights centre_ = lively_weights(network_, 1);
    Direction x_ = raw_direction(network_, centre_, 1), y_ = raw_direction(network_, centre_, 2);
    Direction with_states_ = raw_direction(network_, centre_, 3, Space::states);
};

TEST_F(SubspaceTest, RoundsEveryProductAndSumOnce) {
    AffineSubspace plane(centre_, {x_, y_}, at::kCPU);
    EXPECT_EQ(plane.dimensions(), 2);
    const std::vector<std::array<double, 2>> points{{0.1, -0.7}, {-1.0, 1.0 / 3}, {1e-3, 42}};
    for (const auto& point : points) {
        const model::Weights& weights = plane.at(point);
        const std::vector<float> coordinates{static_cast<float>(point[0]), static_cast<float>(point[1])};
        EXPECT_EQ(compare(weights.parameters, centre_.parameters, {x_.delta.parameters, y_.delta.parameters}, coordinates),
                  network_.space.parameter_count());
        EXPECT_TRUE(at::equal(weights.states, centre_.states));
    }
}

TEST_F(SubspaceTest, IsTheCentreAtZero) {
    const model::Weights original = centre_.clone();
    AffineSubspace plane(centre_, {x_, y_}, at::kCPU);
    plane.at(std::array{0.5, 0.5});
    const model::Weights& weights = plane.at(std::array{0.0, 0.0});
    EXPECT_TRUE(at::equal(weights.parameters, original.parameters));
    EXPECT_TRUE(at::equal(centre_.parameters, original.parameters));
}

TEST_F(SubspaceTest, MovesStatesOnlyAlongDirectionsThatHaveThem) {
    AffineSubspace space(centre_, {x_, with_states_, y_}, at::kCPU);
    const model::Weights& weights = space.at(std::array{0.2, 0.3, 0.4});
    EXPECT_EQ(compare(weights.states, centre_.states, {with_states_.delta.states}, {0.3F}), network_.space.state_count());
    EXPECT_EQ(compare(weights.parameters, centre_.parameters, {x_.delta.parameters, with_states_.delta.parameters, y_.delta.parameters},
                      {0.2F, 0.3F, 0.4F}),
              network_.space.parameter_count());
    EXPECT_FALSE(at::equal(weights.states, centre_.states));
}

TEST_F(SubspaceTest, WorksWithoutStates) {
    const auto mlp = model::build_network("mlp", 1, 10);
    const auto centre = model::initial_weights(mlp, 1);
    const Direction direction = raw_direction(mlp, centre, 1, Space::states);
    AffineSubspace line(centre, {direction}, at::kCPU);
    const model::Weights& weights = line.at(std::array{-0.25});
    EXPECT_EQ(compare(weights.parameters, centre.parameters, {direction.delta.parameters}, {-0.25F}), mlp.space.parameter_count());
    EXPECT_EQ(weights.states.numel(), 0);
}

}  // namespace
}  // namespace orograph::landscape
