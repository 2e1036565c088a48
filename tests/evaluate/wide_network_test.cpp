#include "cpu_logits.hpp"
#include "sketch.hpp"

#include "orograph/core/cores.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

// The memory formats and schedules of AVX-512 with kernels (two_avx2.cpp) and a library that need only AVX2.
TEST(WideNetwork, AgreesWithThePlainOne) {
    if (std::string_view(instruction_set()).starts_with("sse")) GTEST_SKIP() << "this CPU has no AVX2";
    const at::NoGradGuard no_gradients;
    std::vector<model::Network> networks;
    for (const char* architecture : {"resnet20", "resnet20_noshort", "vgg9", "wrn56_2", "mlp", "lenet5"})
        networks.push_back(model::build_network(architecture, 3, 10));
    for (const auto& draw : {sketches::preactivated, sketches::inception, sketches::grouped, sketches::shared_terms, sketches::rows})
        networks.push_back(draw());
    int compared = 0;
    for (const model::Network& network : networks) {
        const auto weights = random_weights(network, 21);
        const at::Tensor images = random_split(network, 6, 22).images;
        const at::Tensor logits = cpu_logits(network, weights, images, {.instruction_set = "avx512"});
        const at::Tensor exact = float64_logits(network, weights, images);
        EXPECT_LT(((logits.to(at::kDouble) - exact).norm() / exact.norm()).item<double>(), 1e-5) << network.architecture << " " << compared;
        ++compared;
    }
    EXPECT_EQ(compared, 11);
}

}  // namespace

}  // namespace orograph::evaluate
