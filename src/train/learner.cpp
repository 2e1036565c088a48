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

Learner::Learner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device,
                 const par::Communicator& team)
    : network_(network),
      team_(team),
      seed_(recipe.seed),
      weights_(start.clone().to(device)),
      gradient_(at::zeros_like(weights_.parameters)),
      leaves_(make_leaves(weights_.parameters, gradient_, network.space.parameters)),
      states_(model::views(weights_.states, network.space.states)),
      optimizer_(recipe, network.space.parameter_count(), device) {}

double Learner::step(const Batch& batch, double lr) {
    gradient_.zero_();
    const double share = batch.fraction > 0 ? differentiate(batch) : 0;
    const double loss = team_.size() > 1 ? average(share, batch.fraction) : share;
    if (std::isfinite(loss)) optimizer_.step(weights_.parameters, gradient_, lr);
    return loss;
}

// The mean loss of the share, whose gradient is added to gradient_, times the share's fraction.
double Learner::differentiate(const Batch& batch) {
    const model::DropoutDraw dropout{seed_, static_cast<std::uint64_t>(optimizer_.steps()), batch.first};
    const at::Tensor logits = model::forward(network_, leaves_, states_, batch.images, model::BatchNormMode::update_states, dropout);
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.labels) * batch.fraction;
    const double value = loss.item<double>();
    if (std::isfinite(value)) loss.backward();
    return value;
}

// Sums gradients and losses, which are weighted already, and averages the BN statistics, in one exchange.
double Learner::average(double loss, double fraction) {
    const at::NoGradGuard no_grad;
    const std::int64_t parameters = gradient_.numel(), states = weights_.states.numel();
    const at::Tensor all = at::empty({parameters + states + 1}, at::kFloat);
    all.narrow(0, 0, parameters).copy_(gradient_);
    all.narrow(0, parameters, states).copy_(weights_.states).mul_(fraction);
    all[parameters + states] = loss;
    par::all_sum(team_, {all.data_ptr<float>(), static_cast<std::size_t>(all.numel())});
    gradient_.copy_(all.narrow(0, 0, parameters));
    weights_.states.copy_(all.narrow(0, parameters, states));
    return all[parameters + states].item<double>();
}

void Learner::broadcast() {
    if (team_.size() == 1) return;
    const at::NoGradGuard no_grad;
    for (auto& [name, tensor] : tensors()) {
        const at::Tensor host = tensor.to(at::kCPU).clone();
        par::broadcast(team_, {static_cast<std::byte*>(host.data_ptr()), host.nbytes()}, 0);
        tensor.copy_(host);
    }
}

NamedTensors Learner::tensors() const {
    NamedTensors named = optimizer_.tensors();
    named.emplace_back("parameters", weights_.parameters);
    if (weights_.states.numel() > 0) named.emplace_back("states", weights_.states);
    return named;
}

}  // namespace orograph::train
