#include "learner.hpp"

#include "orograph/model/forward.hpp"

#include <cmath>

namespace orograph::train {

namespace {

std::vector<at::Tensor> make_leaves(const at::Tensor& parameters, const at::Tensor& gradient, const std::vector<model::TensorSpec>& specs) {
    std::vector<at::Tensor> leaves;
    const std::vector<at::Tensor> gradients = model::views(gradient, specs);
    for (const at::Tensor& view : model::views(parameters, specs)) {
        at::Tensor leaf = view.detach().set_requires_grad(true);
        leaf.mutable_grad() = gradients[leaves.size()];
        leaves.push_back(leaf);
    }
    return leaves;
}

}  // namespace

Learner::Learner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device)
    : network_(network),
      weights_(start.clone().to(device)),
      gradient_(at::zeros_like(weights_.parameters)),
      leaves_(make_leaves(weights_.parameters, gradient_, network.space.parameters)),
      states_(model::views(weights_.states, network.space.states)),
      optimizer_(recipe, network.space.parameter_count(), device) {}

double Learner::step(const Batch& batch, double lr) {
    gradient_.zero_();
    const at::Tensor logits = model::forward(network_, leaves_, states_, batch.images, model::BatchNormMode::update_states);
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.labels);
    const double value = loss.item<double>();
    if (!std::isfinite(value)) return value;
    loss.backward();
    optimizer_.step(weights_.parameters, gradient_, lr);
    return value;
}

NamedTensors Learner::tensors() const {
    NamedTensors named = optimizer_.tensors();
    named.emplace_back("parameters", weights_.parameters);
    if (weights_.states.numel() > 0) named.emplace_back("states", weights_.states);
    return named;
}

}  // namespace orograph::train
