#pragma once

#include "cpu_network.hpp"
#include "fixtures.hpp"

#include <gtest/gtest.h>

// What a CpuNetwork computes, without an evaluator around it, and the same in float64.
namespace orograph::evaluate {

inline std::span<const float> values_of(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

inline at::Tensor cpu_logits(const model::Network& network, const model::Weights& weights, const at::Tensor& images, CpuSetting setting) {
    setting.batch = images.size(0);
    const Plan plan = make_plan(network);
    CpuNetwork cpu(plan, setting);
    for (std::size_t i = 0; i < cpu.parts().size(); ++i) {
        const auto& [layer, first, last] = cpu.parts()[i];
        FoldedLayer folded;
        fold_outputs(plan.layers[layer], first, last, network.space, values_of(weights.parameters), values_of(weights.states), folded);
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

inline at::Tensor float64_logits(const model::Network& network, const model::Weights& weights, const at::Tensor& images) {
    const at::NoGradGuard no_gradients;
    const auto parameters = in_float64(model::views(weights.parameters, network.space.parameters));
    const auto states = in_float64(model::views(weights.states, network.space.states));
    return model::forward(network, parameters, states, images.to(at::kDouble), model::BatchNormMode::use_states);
}

}  // namespace orograph::evaluate
