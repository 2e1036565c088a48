#include "orograph/model/forward.hpp"

#include "orograph/core/error.hpp"

namespace orograph::model {
namespace {

// For each operation, the last one that reads its result.
std::vector<std::size_t> last_readers(const std::vector<Op>& ops) {
    std::vector<std::size_t> readers(ops.size());
    for (std::size_t k = 0; k < ops.size(); ++k) {
        readers[k] = k;
        for (const int input : ops[k].inputs) readers[static_cast<std::size_t>(input)] = k;
    }
    return readers;
}

class Pass {
public:
    Pass(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states, BatchNormMode mode)
        : network_(network), parameters_(parameters), states_(states), mode_(mode), results_(network.ops.size()) {}

    at::Tensor run(const at::Tensor& images) {
        const std::vector<std::size_t> readers = last_readers(network_.ops);
        results_[0] = images;
        for (std::size_t k = 1; k < network_.ops.size(); ++k) {
            const Op& op = network_.ops[k];
            results_[k] = apply(op);
            for (const int input : op.inputs) {
                if (readers[static_cast<std::size_t>(input)] == k) results_[static_cast<std::size_t>(input)].reset();
            }
        }
        return results_.back();
    }

private:
    at::Tensor apply(const Op& op) const {
        const at::Tensor& x = input(op, 0);
        switch (op.kind) {
            case OpKind::conv2d:
                return at::conv2d(x, parameter(op.weight), parameter(op.bias), op.stride, op.padding, 1, op.groups);
            case OpKind::linear:
                return at::linear(x, parameter(op.weight), parameter(op.bias));
            case OpKind::batch_norm:
                return batch_norm(op, x);
            case OpKind::relu:
                return at::relu(x);
            case OpKind::add:
                return at::add(x, input(op, 1));
            case OpKind::max_pool:
                return at::max_pool2d(x, op.kernel, op.stride, op.padding, 1, op.ceil_mode);
            case OpKind::avg_pool:
                return at::avg_pool2d(x, op.kernel, op.stride, op.padding);
            case OpKind::flatten:
                return at::flatten(x, 1);
            case OpKind::concat:
                return concat(op);
            case OpKind::dropout:
                return dropout(op, x);
            case OpKind::input:
                break;
        }
        throw Error(ExitCode::internal, cat("network ", network_.architecture, " holds an operation that forward() cannot run"));
    }

    // Along the channels.
    at::Tensor concat(const Op& op) const {
        std::vector<at::Tensor> parts;
        for (std::size_t i = 0; i < op.inputs.size(); ++i) parts.push_back(input(op, i));
        return at::cat(parts, 1);
    }

    at::Tensor dropout(const Op& op, const at::Tensor& x) const {
        return at::dropout(x, op.probability, mode_ == BatchNormMode::update_states);
    }

    at::Tensor batch_norm(const Op& op, const at::Tensor& x) const {
        const bool training = mode_ == BatchNormMode::update_states;
        OROGRAPH_VALIDATE(!training || x.numel() > x.size(1), ExitCode::config, "batch normalisation of ", op.name,
                          " cannot train on a batch of one image: choose a batch size that leaves no image alone in the last batch");
        return at::batch_norm(x, parameter(op.weight), parameter(op.bias), states_[static_cast<std::size_t>(op.running_mean)],
                              states_[static_cast<std::size_t>(op.running_var)], training, op.momentum, op.epsilon,
                              at::globalContext().userEnabledCuDNN());
    }

    const at::Tensor& input(const Op& op, std::size_t which) const { return results_[static_cast<std::size_t>(op.inputs[which])]; }

    // An undefined tensor for -1, which LibTorch takes as "none".
    at::Tensor parameter(int index) const { return index < 0 ? at::Tensor() : parameters_[static_cast<std::size_t>(index)]; }

    const Network& network_;
    const std::vector<at::Tensor>& parameters_;
    const std::vector<at::Tensor>& states_;
    BatchNormMode mode_;
    std::vector<at::Tensor> results_;
};

}  // namespace

at::Tensor forward(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
                   const at::Tensor& images, BatchNormMode mode) {
    OROGRAPH_EXPECT(parameters.size() == network.space.parameters.size() && states.size() == network.space.states.size());
    OROGRAPH_EXPECT(images.dim() == 4 && images.size(1) == network.channels);
    return Pass(network, parameters, states, mode).run(images);
}

}  // namespace orograph::model
