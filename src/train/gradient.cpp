#include "orograph/train/gradient.hpp"

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

std::vector<at::Tensor> state_views(const at::Tensor& states, const std::vector<model::TensorSpec>& specs) {
    return states.defined() ? model::views(states, specs) : std::vector<at::Tensor>(specs.size());
}

}  // namespace

Gradient::Gradient(const model::Network& network, const model::Weights& weights, std::uint64_t seed, const par::Communicator& team)
    : network_(network),
      team_(team),
      seed_(seed),
      values_(at::zeros_like(weights.parameters)),
      flat_states_(weights.states.defined() ? weights.states : at::empty({0}, values_.options())),
      leaves_(make_leaves(weights.parameters, values_, network.space.parameters)),
      states_(state_views(weights.states, network.space.states)) {}

double Gradient::compute(const Batch& batch, std::int64_t step) {
    values_.zero_();
    const double share = batch.fraction > 0 ? differentiate(batch, step) : 0;
    return team_.size() > 1 ? average(share, batch.fraction) : share;
}

// The mean loss of the share, whose gradient is added to values_, times the share's fraction.
double Gradient::differentiate(const Batch& batch, std::int64_t step) {
    const model::DropoutDraw dropout{seed_, static_cast<std::uint64_t>(step), batch.first};
    const at::Tensor logits = model::forward(network_, leaves_, states_, batch.images, model::BatchNormMode::update_states, dropout);
    const at::Tensor loss = at::cross_entropy_loss(logits, batch.labels) * batch.fraction;
    const double value = loss.item<double>();
    if (std::isfinite(value)) loss.backward();
    return value;
}

// Sums gradients and losses, which are weighted already, and averages the BN statistics, in one exchange.
double Gradient::average(double loss, double fraction) {
    const at::NoGradGuard no_grad;
    const std::int64_t parameters = values_.numel(), states = flat_states_.numel();
    const at::Tensor all = at::empty({parameters + states + 1}, at::kFloat);
    all.narrow(0, 0, parameters).copy_(values_);
    all.narrow(0, parameters, states).copy_(flat_states_).mul_(fraction);
    all[parameters + states] = loss;
    par::all_sum(team_, {all.data_ptr<float>(), static_cast<std::size_t>(all.numel())});
    values_.copy_(all.narrow(0, 0, parameters));
    flat_states_.copy_(all.narrow(0, parameters, states));
    return all[parameters + states].item<double>();
}

}  // namespace orograph::train
