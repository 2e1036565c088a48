#pragma once

#include "orograph/evaluate/evaluator.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <numeric>

namespace orograph::evaluate {

inline const CancelToken never;

// Fresh weights whose batch norms do something: random scale, shift and statistics.
inline model::Weights random_weights(const model::Network& network, std::uint64_t seed) {
    const auto generator = at::detail::createCPUGenerator(seed);
    const model::Weights weights = model::initial_weights(network, seed);
    const auto parameters = model::views(weights.parameters, network.space.parameters);
    const auto states = model::views(weights.states, network.space.states);
    for (const model::Op& op : network.ops) {
        if (op.kind != model::OpKind::batch_norm) continue;
        if (op.weight >= 0) parameters[op.weight].uniform_(0.5, 1.5, generator);
        if (op.bias >= 0) parameters[op.bias].normal_(0, 0.3, generator);
        states[op.running_mean].normal_(0, 0.3, generator);
        states[op.running_var].uniform_(0.5, 2, generator);
    }
    return weights;
}

// Every parameter tensor plus normal noise of `amplitude` times its root mean square.
inline model::Weights moved(const model::Network& network, const model::Weights& weights, double amplitude, std::uint64_t seed) {
    const auto generator = at::detail::createCPUGenerator(seed);
    const model::Weights result = weights.clone();
    for (const at::Tensor& tensor : model::views(result.parameters, network.space.parameters)) {
        const double scale = tensor.norm().item<double>() / std::sqrt(static_cast<double>(tensor.numel()));
        tensor.add_(at::empty_like(tensor).normal_(0, 1, generator), amplitude * scale);
    }
    return result;
}

inline data::Split random_split(const model::Network& network, std::int64_t count, std::uint64_t seed) {
    const auto generator = at::detail::createCPUGenerator(seed);
    data::Split split;
    split.name = "train";
    const auto [channels, height, width] = network.ops.front().shape;
    split.images = at::empty({count, channels, height, width}).normal_(0, 1, generator);
    split.labels = at::empty({count}, at::kLong).random_(0, network.classes, generator);
    return split;
}

inline std::vector<at::Tensor> in_float64(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> result;
    for (const at::Tensor& tensor : tensors) result.push_back(tensor.to(at::kDouble));
    return result;
}

// The oracle: the plain network, and LibTorch's loss, in float64.
inline BatchSum float64_sum(const model::Network& network, const model::Weights& weights, const data::Split& split, Loss loss) {
    const at::NoGradGuard no_gradients;
    const auto parameters = in_float64(model::views(weights.parameters, network.space.parameters));
    const auto states = in_float64(model::views(weights.states, network.space.states));
    const at::Tensor logits = model::forward(network, parameters, states, split.images.to(at::kDouble), model::BatchNormMode::use_states);
    const at::Tensor wanted = at::one_hot(split.labels, network.classes).to(at::kDouble);
    const at::Tensor sum = loss == Loss::cross_entropy ? at::cross_entropy_loss(logits, split.labels, {}, at::Reduction::Sum)
                                                       : (logits.softmax(1) - wanted).square().mean(1).sum();
    return {sum.item<double>(), logits.argmax(1).eq(split.labels).sum().item<double>()};
}

// In batch order.
inline BatchSum total(const std::vector<BatchSum>& sums) {
    return std::accumulate(sums.begin(), sums.end(), BatchSum{}, [](BatchSum a, const BatchSum& b) {
        return BatchSum{a.loss + b.loss, a.correct + b.correct};
    });
}

}  // namespace orograph::evaluate
