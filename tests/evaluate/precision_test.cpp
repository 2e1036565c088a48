#include "precision.hpp"

#include "fixtures.hpp"

#include "orograph/core/cores.hpp"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

// To bfloat16 and back, as the value is stored; float64.
at::Tensor rounded(const at::Tensor& tensor) {
    return tensor.to(at::kFloat).to(at::kBFloat16).to(at::kDouble);
}

// The oracle: the mlp with each layer's operands and result rounded to bfloat16, products and sums in float64.
BatchSum bf16_sum(const model::Network& network, const model::Weights& weights, const data::Split& split) {
    const auto parameters = model::views(weights.parameters, network.space.parameters);
    at::Tensor x = rounded(split.images.flatten(1));
    for (std::size_t i = 0; i < parameters.size(); i += 2) {
        x = rounded(at::linear(x, rounded(parameters[i]), rounded(parameters[i + 1])));
        if (i + 2 < parameters.size()) x = x.relu();
    }
    return {at::cross_entropy_loss(x, split.labels, {}, at::Reduction::Sum).item<double>(),
            x.argmax(1).eq(split.labels).sum().item<double>()};
}

BatchSum sum_of(const model::Network& network, const model::Weights& weights, const data::Split& split, const Options& options) {
    const auto evaluator = make_evaluator(network, options);
    const int number = evaluator->add_split(split);
    return total(evaluator->evaluate(weights, number, never));
}

double relative(double value, double reference) {
    return std::abs(value - reference) / std::abs(reference);
}

const Options reference_bf16{.kind = Kind::reference, .precision = Precision::bf16};

TEST(ReferenceBf16, IsTheNetworkWithRoundedLayers) {
    const model::Network network = model::build_network("mlp", 1, 10);
    for (const double amplitude : {0.0, 1.0, 5.0}) {
        const model::Weights weights = moved(network, random_weights(network, 3), amplitude, 4);
        const data::Split split = random_split(network, 300, 5);
        const BatchSum expected = bf16_sum(network, weights, split), plain = float64_sum(network, weights, split, Loss::cross_entropy);
        const BatchSum found = sum_of(network, weights, split, reference_bf16);
        EXPECT_LT(relative(found.loss, expected.loss), 0.1 * relative(expected.loss, plain.loss)) << amplitude;
        EXPECT_LT(relative(found.loss, plain.loss), 2e-2) << amplitude;
        EXPECT_NEAR(found.correct, expected.correct, 1) << amplitude;
    }
}

TEST(ReferenceBf16, StaysNearFloat64InAResidualNetwork) {
    const model::Network network = model::build_network("resnet20", 1, 10);
    const model::Weights weights = random_weights(network, 1);
    const data::Split split = random_split(network, 20, 2);
    const BatchSum plain = float64_sum(network, weights, split, Loss::cross_entropy);
    const double error = relative(sum_of(network, weights, split, reference_bf16).loss, plain.loss);
    EXPECT_LT(error, 5e-2);
    EXPECT_GT(error, 1e-5);  // that of fp32 is below
}

TEST(ReferenceBf16, EqualBitsOnAnyNumberOfThreads) {
    const model::Network network = model::build_network("mlp", 1, 10);
    const model::Weights weights = random_weights(network, 3);
    const data::Split split = random_split(network, 300, 5);
    const auto sums_on = [&](int threads) {
        Options options = reference_bf16;
        options.threads = threads;
        options.batch = 32;
        const auto evaluator = make_evaluator(network, options);
        const int number = evaluator->add_split(split);
        return evaluator->evaluate(weights, number, never);
    };
    const auto one = sums_on(1), three = sums_on(3);
    ASSERT_EQ(one.size(), 10U);
    ASSERT_EQ(three.size(), 10U);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].loss, three[i].loss) << i;
}

TEST(ReferenceBf16, LeavesOtherEvaluatorsAlone) {
    const model::Network network = model::build_network("mlp", 1, 10);
    const model::Weights weights = random_weights(network, 3);
    const data::Split split = random_split(network, 100, 5);
    const Options fp32{.kind = Kind::reference};
    const double before = sum_of(network, weights, split, fp32).loss;
    EXPECT_NE(sum_of(network, weights, split, reference_bf16).loss, before);
    EXPECT_EQ(sum_of(network, weights, split, fp32).loss, before);
    {
        const LibTorchPrecision precision(Precision::bf16, at::kCPU);
        EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU));
    }
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

TEST(ReferenceBf16, RecordsInfinitiesAndNaN) {
    const model::Network network = model::build_network("mlp", 1, 10);
    model::Weights weights = random_weights(network, 3);
    weights.parameters.mul_(1e30);
    EXPECT_FALSE(std::isfinite(sum_of(network, weights, random_split(network, 10, 5), reference_bf16).loss));
}

// Where this machine can.
TEST(CompiledBf16, AgreesWithTheReference) {
    if (instruction_set() != std::string("avx512_bf16")) GTEST_SKIP() << "this CPU has " << instruction_set();
    for (const char* architecture : {"mlp", "resnet20", "vgg9"}) {
        const model::Network network = model::build_network(architecture, 1, 10);
        const model::Weights weights = random_weights(network, 1);
        const data::Split split = random_split(network, 130, 2);
        const BatchSum expected = sum_of(network, weights, split, reference_bf16);
        const BatchSum found = sum_of(network, weights, split, {.kind = Kind::compiled, .precision = Precision::bf16});
        EXPECT_LT(relative(found.loss, expected.loss), 3e-2) << architecture;
    }
}

}  // namespace

}  // namespace orograph::evaluate
