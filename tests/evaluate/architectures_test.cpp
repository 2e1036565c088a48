#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

// One of each family of wide networks, at a size beyond those of accuracy_test.cpp.
class WideArchitectures : public testing::TestWithParam<std::string> {};

TEST_P(WideArchitectures, CompiledAgreesWithAFloat64Evaluation) {
    const auto network = model::build_network(GetParam(), 3, 10);
    const auto centre = random_weights(network, 21);
    const auto split = random_split(network, 5, 22);
    const auto evaluator = make_evaluator(network, {.threads = 2, .batch = 4});
    evaluator->add_split(split);
    int compared = 0;
    for (const double amplitude : {0.0, 0.5}) {
        const auto point = moved(network, centre, amplitude, 23);
        const BatchSum expected = float64_sum(network, point, split, Loss::cross_entropy);
        const BatchSum sum = total(evaluator->evaluate(point, 0, never));
        EXPECT_LT(std::abs(sum.loss / expected.loss - 1), 1e-5) << "sum of losses " << expected.loss;
        EXPECT_EQ(sum.correct, expected.correct) << "sum of losses " << expected.loss;
        ++compared;
    }
    EXPECT_EQ(compared, 2);
}

INSTANTIATE_TEST_SUITE_P(All, WideArchitectures, testing::Values("vgg19bn", "wrn56_4_noshort", "resnet18"),
                         [](const auto& info) { return info.param; });

}  // namespace

}  // namespace orograph::evaluate
