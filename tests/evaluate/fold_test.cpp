#include "fold.hpp"

#include "fixtures.hpp"
#include "sketch.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

std::span<const float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// The folded layer does to a random window what layer and batch norm do in turn, in float64.
void expect_same_function(const model::Network& network, const Layer& layer, const FoldedLayer& folded, const model::Weights& weights) {
    const auto parameters = in_float64(model::views(weights.parameters, network.space.parameters));
    const auto states = in_float64(model::views(weights.states, network.space.states));
    const at::Tensor weight = parameters[layer.weight].flatten(1);
    const at::Tensor window = at::randn({64, weight.size(1)}, at::kDouble);
    at::Tensor expected = at::linear(window, weight, layer.bias < 0 ? at::Tensor() : parameters[layer.bias]);
    if (layer.gamma >= 0)
        expected = at::batch_norm(expected, parameters[layer.gamma], parameters[layer.beta], states[layer.mean], states[layer.variance],
                                  false, 0, layer.epsilon, false);
    const at::Tensor folded_weight = at::tensor(at::ArrayRef<float>(folded.weight)).to(at::kDouble).view(weight.sizes());
    const at::Tensor result = at::linear(window, folded_weight, at::tensor(at::ArrayRef<float>(folded.bias)).to(at::kDouble));
    EXPECT_LT(((result - expected).norm() / expected.norm()).item<double>(), 1e-7) << layer.name;  // float32 rounding of the weights
}

TEST(Fold, EveryLayerKeepsItsFunction) {
    int layers = 0, with_batch_norm = 0;
    for (const char* architecture : {"resnet20", "vgg9", "mlp"}) {
        const auto network = model::build_network(architecture, 3, 10);
        const auto weights = random_weights(network, 41);
        const Plan plan = make_plan(network);
        FoldedLayer folded;
        for (const Layer& layer : plan.layers) {
            fold_layer(layer, network.space, values(weights.parameters), values(weights.states), folded);
            expect_same_function(network, layer, folded, weights);
            layers += 1;
            with_batch_norm += layer.gamma >= 0 ? 1 : 0;
        }
    }
    EXPECT_GE(layers, 22 + 8 + 3);
    EXPECT_GE(with_batch_norm, 21 + 7);
}

// Batch norms that follow no layer, with and without scale and shift of their own.
TEST(Fold, ABatchNormByItselfBecomesScaleAndShift) {
    const auto network = sketches::batch_norms_everywhere();
    const auto weights = random_weights(network, 41);
    const auto parameters = in_float64(model::views(weights.parameters, network.space.parameters));
    const auto states = in_float64(model::views(weights.states, network.space.states));
    const auto optional = [&](int index) { return index < 0 ? at::Tensor() : parameters[index]; };
    int alone = 0, plain = 0;
    for (const Layer& layer : make_plan(network).layers) {
        if (layer.weight >= 0) continue;
        FoldedLayer folded;
        fold_layer(layer, network.space, values(weights.parameters), values(weights.states), folded);
        const at::Tensor window = at::randn({64, layer.shape[0]}, at::kDouble);
        const at::Tensor expected = at::batch_norm(window, optional(layer.gamma), optional(layer.beta), states[layer.mean],
                                                   states[layer.variance], false, 0, layer.epsilon, false);
        const at::Tensor scale = at::tensor(at::ArrayRef<float>(folded.weight)).to(at::kDouble);
        const at::Tensor shift = at::tensor(at::ArrayRef<float>(folded.bias)).to(at::kDouble);
        EXPECT_LT(((window * scale + shift - expected).norm() / expected.norm()).item<double>(), 1e-7) << layer.name;
        alone += 1;
        plain += layer.gamma < 0 ? 1 : 0;
    }
    EXPECT_EQ(alone, 5);
    EXPECT_EQ(plain, 1);
}

TEST(Fold, ANegativeVarianceGivesNan) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto weights = random_weights(network, 41);
    model::views(weights.states, network.space.states)[1][3] = -1;
    FoldedLayer folded;
    fold_layer(make_plan(network).layers[0], network.space, values(weights.parameters), values(weights.states), folded);
    EXPECT_TRUE(std::isnan(folded.bias[3]));
    EXPECT_TRUE(std::isfinite(folded.bias[2]));
}

}  // namespace

}  // namespace orograph::evaluate
