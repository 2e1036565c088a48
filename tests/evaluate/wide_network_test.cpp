#include "cpu_network.hpp"
#include "fixtures.hpp"
#include "sketch.hpp"

#include "orograph/core/cores.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

std::span<const float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// The logits of a network laid out for 16 lanes.
at::Tensor wide_logits(const model::Network& network, const model::Weights& weights, const at::Tensor& images) {
    const Plan plan = make_plan(network);
    CpuNetwork cpu(plan, {.batch = images.size(0), .instruction_set = "avx512"});
    for (std::size_t i = 0; i < cpu.parts().size(); ++i) {
        const auto& [layer, first, last] = cpu.parts()[i];
        FoldedLayer folded;
        fold_outputs(plan.layers[layer], first, last, network.space, values(weights.parameters), values(weights.states), folded);
        cpu.load(i, folded);
    }
    CpuNetwork::Stream stream(cpu);
    const bool last = cpu.image_layout() == ImageLayout::nhwc;
    const at::Tensor laid_out = images.contiguous(last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    const auto result = stream.run(laid_out.const_data_ptr<float>(), images.size(0));
    EXPECT_TRUE(result.finite);
    return at::tensor(at::ArrayRef<float>(result.logits, static_cast<std::size_t>(images.size(0) * network.classes)))
        .view({images.size(0), network.classes});
}

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
        const at::Tensor logits = wide_logits(network, weights, images);
        const auto parameters = in_float64(model::views(weights.parameters, network.space.parameters));
        const auto states = in_float64(model::views(weights.states, network.space.states));
        const at::Tensor exact = model::forward(network, parameters, states, images.to(at::kDouble), model::BatchNormMode::use_states);
        EXPECT_LT(((logits.to(at::kDouble) - exact).norm() / exact.norm()).item<double>(), 1e-5) << network.architecture << " " << compared;
        ++compared;
    }
    EXPECT_EQ(compared, 11);
}

}  // namespace

}  // namespace orograph::evaluate
