#include "orograph/train/optimizer.hpp"

#include <cmath>

namespace orograph::train {

namespace {

// torch.optim.SGD without dampening. A momentum buffer that starts at zero equals torch's, which starts as the first gradient.
void step_sgd(const Recipe& recipe, double lr, at::Tensor& parameters, at::Tensor& gradient, at::Tensor& momentum) {
    if (!momentum.defined()) {
        parameters.add_(gradient, -lr);
        return;
    }
    momentum.mul_(recipe.momentum).add_(gradient);
    if (recipe.nesterov) {
        parameters.add_(gradient.add_(momentum, recipe.momentum), -lr);
    } else {
        parameters.add_(momentum, -lr);
    }
}

// torch.optim.Adam (Kingma & Ba 2015, algorithm 1, with the bias corrections taken out of the moments). `step` counts from 1.
void step_adam(const Recipe& recipe, double lr, std::int64_t step, at::Tensor& parameters, const at::Tensor& gradient, at::Tensor& first,
               at::Tensor& second) {
    const double first_correction = 1 - std::pow(recipe.beta1, static_cast<double>(step));
    const double second_correction = 1 - std::pow(recipe.beta2, static_cast<double>(step));
    first.lerp_(gradient, 1 - recipe.beta1);
    second.mul_(recipe.beta2).addcmul_(gradient, gradient, 1 - recipe.beta2);
    const at::Tensor scale = second.sqrt().div_(std::sqrt(second_correction)).add_(recipe.epsilon);
    parameters.addcdiv_(first, scale, -lr / first_correction);
}

}  // namespace

Optimizer::Optimizer(const Recipe& recipe, std::int64_t parameter_count, at::Device device) : recipe_(recipe) {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
    const bool adam = recipe.optimizer == OptimizerKind::adam;
    if (adam || recipe.momentum != 0) first_ = at::zeros({parameter_count}, options);
    if (adam) second_ = at::zeros({parameter_count}, options);
}

void Optimizer::step(at::Tensor& parameters, at::Tensor& gradient, double lr) {
    const at::NoGradGuard no_grad;
    ++steps_;
    if (recipe_.weight_decay != 0) gradient.add_(parameters, recipe_.weight_decay);
    switch (recipe_.optimizer) {
        case OptimizerKind::sgd:
            step_sgd(recipe_, lr, parameters, gradient, first_);
            break;
        case OptimizerKind::adam:
            step_adam(recipe_, lr, steps_, parameters, gradient, first_, second_);
            break;
    }
}

std::vector<std::pair<std::string, at::Tensor>> Optimizer::tensors() const {
    std::vector<std::pair<std::string, at::Tensor>> named;
    if (second_.defined()) {
        named.emplace_back("optimizer.first_moment", first_);
        named.emplace_back("optimizer.second_moment", second_);
    } else if (first_.defined()) {
        named.emplace_back("optimizer.momentum", first_);
    }
    return named;
}

}  // namespace orograph::train
