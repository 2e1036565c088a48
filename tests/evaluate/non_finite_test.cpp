#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

enum class Sort { finite, infinite, nan };

Sort sort_of(double value) {
    return std::isnan(value) ? Sort::nan : std::isinf(value) ? Sort::infinite : Sort::finite;
}

// What the plain float32 network in LibTorch gives, images one batch.
BatchSum plain_sum(const model::Network& network, const model::Weights& weights, const data::Split& split) {
    const at::NoGradGuard no_gradients;
    const at::Tensor logits =
        model::forward(network, model::views(weights.parameters, network.space.parameters),
                       model::views(weights.states, network.space.states), split.images, model::BatchNormMode::use_states);
    const at::Tensor loss = at::cross_entropy_loss(logits.to(at::kDouble), split.labels, {}, at::Reduction::Sum);
    return {loss.item<double>(), logits.argmax(1).eq(split.labels).sum().item<double>()};
}

class NonFinite : public testing::TestWithParam<std::tuple<const char*, Kind>> {
protected:
    NonFinite()
        : network_(model::build_network(std::get<0>(GetParam()), 1, 10)),
          weights_(random_weights(network_, 31)),
          split_(random_split(network_, 21, 32)) {}

    // Compares with the plain network and returns the loss.
    double expect_plain_result(const model::Weights& weights) {
        const auto evaluator = make_evaluator(network_, {.kind = std::get<1>(GetParam()), .threads = 2});
        const BatchSum sum = total(evaluator->evaluate(weights, evaluator->add_split(split_), never));
        const BatchSum expected = plain_sum(network_, weights, split_);
        EXPECT_EQ(sort_of(sum.loss), sort_of(expected.loss)) << sum.loss << " instead of " << expected.loss;
        EXPECT_EQ(sum.correct, expected.correct);
        return sum.loss;
    }

    at::Tensor parameter(const model::Weights& weights, std::size_t index) const {
        return model::views(weights.parameters, network_.space.parameters)[index];
    }

    model::Network network_;
    model::Weights weights_;
    data::Split split_;
};

TEST_P(NonFinite, OneNanWeightMakesTheLossNan) {
    for (std::size_t i = 0; i < network_.space.parameters.size(); i += 13) {
        const auto weights = weights_.clone();
        parameter(weights, i).view({-1})[0] = std::numeric_limits<float>::quiet_NaN();
        EXPECT_TRUE(std::isnan(expect_plain_result(weights))) << network_.space.parameters[i].name;
    }
}

TEST_P(NonFinite, OneInfiniteWeightGivesThePlainNetworksResult) {
    const auto weights = weights_.clone();
    parameter(weights, 0).view({-1})[0] = std::numeric_limits<float>::infinity();
    EXPECT_FALSE(std::isfinite(expect_plain_result(weights)));
}

TEST_P(NonFinite, ANegativeVarianceMakesTheLossNan) {
    if (network_.space.states.empty()) GTEST_SKIP() << "a network without batch norm";
    const auto weights = weights_.clone();
    model::views(weights.states, network_.space.states)[1][0] = -1;
    EXPECT_TRUE(std::isnan(expect_plain_result(weights)));
}

TEST_P(NonFinite, OverflowOnTheWayGivesThePlainNetworksResult) {
    int overflowed = 0;
    for (const double factor : {1e2, 1e4, 1e10, 1e20, 1e36}) {
        const auto weights = weights_.clone();
        weights.parameters.mul_(factor);
        overflowed += std::isfinite(expect_plain_result(weights)) ? 0 : 1;
    }
    EXPECT_GE(overflowed, 2);
}

TEST_P(NonFinite, NothingIsLeftBehindForTheNextPoint) {
    const auto evaluator = make_evaluator(network_, {.kind = std::get<1>(GetParam()), .threads = 2});
    const int number = evaluator->add_split(split_);
    const BatchSum before = total(evaluator->evaluate(weights_, number, never));
    const auto bad = weights_.clone();
    bad.parameters.fill_(std::numeric_limits<float>::quiet_NaN());
    EXPECT_TRUE(std::isnan(total(evaluator->evaluate(bad, number, never)).loss));
    const BatchSum after = total(evaluator->evaluate(weights_, number, never));
    EXPECT_EQ(before.loss, after.loss);
    EXPECT_TRUE(std::isfinite(after.loss));
}

INSTANTIATE_TEST_SUITE_P(All, NonFinite,
                         testing::Combine(testing::Values("resnet20", "resnet20_noshort", "vgg9", "mlp"),
                                          testing::Values(Kind::compiled, Kind::reference)));

}  // namespace

}  // namespace orograph::evaluate
