#pragma once

#include "orograph/model/forward.hpp"

namespace orograph::evaluate {

// Batch-norm states in float64, by the definition and not by LibTorch's batch norm: each batch is normalised by its own mean and biased
// variance, and the states are PyTorch's cumulative average with momentum b / (n + b) from fresh ones.
class RecalibrationOracle {
public:
    RecalibrationOracle(const model::Network& network, const model::Weights& weights) : network_(network) {
        for (const at::Tensor& tensor : model::views(weights.parameters, network.space.parameters))
            parameters_.push_back(tensor.to(at::kDouble));
        states_ = at::zeros({network.space.state_count()}, at::kDouble);
    }

    at::Tensor run(const at::Tensor& images, std::int64_t batch) {
        const at::NoGradGuard no_gradients;
        std::int64_t seen = 0;
        for (const at::Tensor& part : images.to(at::kDouble).split(batch)) {
            seen += part.size(0);
            pass(part, static_cast<double>(part.size(0)) / static_cast<double>(seen));
        }
        return states_;
    }

private:
    void pass(const at::Tensor& images, double momentum) {
        std::vector<at::Tensor> results{images};
        for (std::size_t k = 1; k < network_.ops.size(); ++k) results.push_back(apply(network_.ops[k], results, momentum));
    }

    at::Tensor apply(const model::Op& op, const std::vector<at::Tensor>& results, double momentum) {
        std::vector<at::Tensor> inputs;
        for (const int input : op.inputs) inputs.push_back(results[static_cast<std::size_t>(input)]);
        const at::Tensor& x = inputs[0];
        switch (op.kind) {
            case model::OpKind::conv2d:
                return at::conv2d(x, parameter(op.weight), parameter(op.bias), op.stride, op.padding, 1, op.groups);
            case model::OpKind::linear:
                return at::linear(x, parameter(op.weight), parameter(op.bias));
            case model::OpKind::batch_norm:
                return normalise(op, x, momentum);
            case model::OpKind::relu:
                return x.clamp_min(0);
            case model::OpKind::add:
                return x + inputs[1];
            case model::OpKind::max_pool:
                return at::max_pool2d(x, op.kernel, op.stride, op.padding, 1, op.ceil_mode);
            case model::OpKind::avg_pool:
                return at::avg_pool2d(x, op.kernel, op.stride, op.padding);
            case model::OpKind::flatten:
                return x.flatten(1);
            case model::OpKind::concat:
                return at::cat(inputs, 1);
            case model::OpKind::pad_channels:
                return at::cat({zeros_beside(x, op.zeros[0]), x, zeros_beside(x, op.zeros[1])}, 1);
            default:
                return x;
        }
    }

    static at::Tensor zeros_beside(const at::Tensor& x, std::int64_t channels) {
        return at::zeros({x.size(0), channels, x.size(2), x.size(3)}, x.options());
    }

    at::Tensor normalise(const model::Op& op, const at::Tensor& x, double momentum) {
        const at::Tensor rows = x.transpose(0, 1).flatten(1);  // [channels, values]
        const at::Tensor mean = rows.mean(1, true), deviations = rows - mean, squares = deviations.square().sum(1, true);
        const auto count = static_cast<double>(rows.size(1));
        const auto states = model::views(states_, network_.space.states);
        const auto average = [&](int index, const at::Tensor& of_batch) {
            states[static_cast<std::size_t>(index)].mul_(1 - momentum).add_(of_batch.flatten(), momentum);
        };
        average(op.running_mean, mean);
        average(op.running_var, squares / (count - 1));
        at::Tensor result = deviations / (squares / count + op.epsilon).sqrt();
        if (op.weight >= 0) result = result * parameter(op.weight).unsqueeze(1);
        if (op.bias >= 0) result = result + parameter(op.bias).unsqueeze(1);
        auto sizes = x.sizes().vec();
        std::swap(sizes[0], sizes[1]);
        return result.view(sizes).transpose(0, 1);
    }

    at::Tensor parameter(int index) const { return index < 0 ? at::Tensor() : parameters_[static_cast<std::size_t>(index)]; }

    const model::Network& network_;
    std::vector<at::Tensor> parameters_;
    at::Tensor states_;
};

inline at::Tensor float64_states(const model::Network& network, const model::Weights& weights, const at::Tensor& images,
                                 std::int64_t batch) {
    return RecalibrationOracle(network, weights).run(images, batch);
}

// The greatest error of a mean, relative to the greatest mean or standard deviation of its batch norm, or of a variance, relative to the
// greatest one.
inline double greatest_error(const model::Network& network, const at::Tensor& states, const at::Tensor& expected) {
    const auto got = model::views(states.to(at::kDouble), network.space.states), wanted = model::views(expected, network.space.states);
    double worst = 0;
    const auto compare = [&](int index, const at::Tensor& scale) {
        const auto i = static_cast<std::size_t>(index);
        const double error = ((got[i] - wanted[i]).abs().max() / scale).item<double>();
        if (!(error <= worst)) worst = error;
    };
    for (const model::Op& op : network.ops) {
        if (op.kind != model::OpKind::batch_norm) continue;
        const at::Tensor variance = wanted[static_cast<std::size_t>(op.running_var)].max();
        compare(op.running_var, variance);
        compare(op.running_mean, at::maximum(wanted[static_cast<std::size_t>(op.running_mean)].abs().max(), variance.sqrt()));
    }
    return worst;
}

}  // namespace orograph::evaluate
