#include "fixtures.hpp"

#include "orograph/gpu/device.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

class Cuda : public testing::TestWithParam<std::tuple<const char*, Kind>> {
protected:
    void SetUp() override {
        if (gpu::device_count() == 0) GTEST_SKIP() << "no CUDA device: the evaluator is compiled and linked, but not run";
    }
};

TEST_P(Cuda, AgreesWithAFloat64Evaluation) {
    const auto network = model::build_network(std::get<0>(GetParam()), 1, 10);
    const auto centre = random_weights(network, 51);
    const auto split = random_split(network, 301, 52);
    const auto evaluator = make_evaluator(network, {.kind = std::get<1>(GetParam()), .device = at::kCUDA});
    const int number = evaluator->add_split(split);
    int compared = 0;
    for (const double amplitude : {0.0, 0.05, 0.2, 0.5, 1.0, 3.0, 8.0}) {
        const auto point = moved(network, centre, amplitude, 53);
        const BatchSum expected = float64_sum(network, point, split, Loss::cross_entropy);
        const BatchSum sum = total(evaluator->evaluate(point.to(at::kCUDA), number, never));
        EXPECT_LT(std::abs(sum.loss / expected.loss - 1), 1e-5) << "amplitude " << amplitude;
        EXPECT_EQ(sum.correct, expected.correct) << "amplitude " << amplitude;
        ++compared;
    }
    EXPECT_EQ(compared, 7);
}

TEST_P(Cuda, NanWeightsGiveNan) {
    const auto network = model::build_network(std::get<0>(GetParam()), 1, 10);
    const auto weights = random_weights(network, 51).to(at::kCUDA);
    weights.parameters[0] = std::numeric_limits<float>::quiet_NaN();
    const auto evaluator = make_evaluator(network, {.kind = std::get<1>(GetParam()), .device = at::kCUDA});
    EXPECT_TRUE(std::isnan(total(evaluator->evaluate(weights, evaluator->add_split(random_split(network, 37, 52)), never)).loss));
}

INSTANTIATE_TEST_SUITE_P(All, Cuda,
                         testing::Combine(testing::Values("resnet20", "resnet20_noshort", "vgg9", "mlp"),
                                          testing::Values(Kind::compiled, Kind::reference)));

}  // namespace

}  // namespace orograph::evaluate
