#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

// Those beyond accuracy_test.cpp: one of each family of wide networks, the pre-activated, the densely connected, the small.
class Architectures : public testing::TestWithParam<std::string> {};

TEST_P(Architectures, CompiledAgreesWithAFloat64Evaluation) {
    const auto network = model::build_network(GetParam(), 3, 10);
    const auto centre = random_weights(network, 21);
    const auto split = random_split(network, 2, 22);
    const auto evaluator = make_evaluator(network, {.threads = 2, .batch = 2});
    evaluator->add_split(split);
    const auto point = moved(network, centre, 0.5, 23);
    const BatchSum expected = float64_sum(network, point, split, Loss::cross_entropy);
    const BatchSum sum = total(evaluator->evaluate(point, 0, never));
    EXPECT_LT(std::abs(sum.loss / expected.loss - 1), 1e-5) << "sum of losses " << expected.loss;
    EXPECT_EQ(sum.correct, expected.correct) << "sum of losses " << expected.loss;
}

INSTANTIATE_TEST_SUITE_P(All, Architectures,
                         testing::Values("vgg19bn", "wrn56_4_noshort", "resnet18", "resnet50", "preresnet110", "wrn28_10", "densenet121",
                                         "convfc", "lenet5", "resnet20_a", "resnet56_a"),
                         [](const auto& info) { return info.param; });

}  // namespace

}  // namespace orograph::evaluate
