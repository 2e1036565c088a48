#include "orograph/model/forward.hpp"

#include "aten_graph.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/random.hpp"

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

// What operation `op` multiplies `values` [B, ...] with: 0, or 1 / (1 - probability).
at::Tensor dropout_mask(const DropoutDraw& draw, std::size_t op, double probability, const at::Tensor& values) {
    // One stream an operation and pass, apart from those that others draw from with the same seed, which are all below 2^63.
    const CounterRandom random(draw.seed, std::uint64_t{1} << 63 | static_cast<std::uint64_t>(op) << 44 | draw.pass);
    const at::Tensor kept = at::empty(values.sizes(), at::kFloat);
    const std::int64_t first = draw.first_image * (values.numel() / values.size(0));
    auto* const data = kept.data_ptr<float>();
    for (std::int64_t k = 0; k < kept.numel(); ++k) {
        data[k] = random.uniform(static_cast<std::uint64_t>(first + k)) < probability ? 0.0F : 1.0F;
    }
    return kept.to(values.options()).div_(1 - probability);
}

class Pass {
public:
    Pass(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states, BatchNormMode mode,
         const std::optional<DropoutDraw>& dropout)
        : network_(network), parameters_(parameters), states_(states), mode_(mode), dropout_(dropout), results_(network.ops.size()) {}

    at::Tensor run(const at::Tensor& images) {
        const std::vector<std::size_t> readers = last_readers(network_.ops);
        results_[0] = images;
        for (std::size_t k = 1; k < network_.ops.size(); ++k) {
            const Op& op = network_.ops[k];
            results_[k] = apply(k);
            for (const int input : op.inputs) {
                if (readers[static_cast<std::size_t>(input)] == k) results_[static_cast<std::size_t>(input)].reset();
            }
        }
        return results_.back();
    }

private:
    at::Tensor apply(std::size_t number) const {
        const Op& op = network_.ops[number];
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
                return dropout_ ? x * dropout_mask(*dropout_, number, op.probability, x) : x;
            case OpKind::pad_channels:
                return at::constant_pad_nd(x, {0, 0, 0, 0, op.zeros[0], op.zeros[1]});
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

    at::Tensor batch_norm(const Op& op, const at::Tensor& x) const {
        const bool training = mode_ != BatchNormMode::use_states;
        OROGRAPH_VALIDATE(!training || x.numel() > x.size(1), ExitCode::config, "batch normalisation of ", op.name,
                          " cannot train on a batch of one image: choose a batch size that leaves no image alone in the last batch");
        return at::batch_norm(x, parameter(op.weight), parameter(op.bias), states_[static_cast<std::size_t>(op.running_mean)],
                              states_[static_cast<std::size_t>(op.running_var)], training,
                              mode_ == BatchNormMode::replace_states ? 1 : op.momentum, op.epsilon, at::globalContext().userEnabledCuDNN());
    }

    const at::Tensor& input(const Op& op, std::size_t which) const { return results_[static_cast<std::size_t>(op.inputs[which])]; }

    // An undefined tensor for -1, which LibTorch takes as "none".
    at::Tensor parameter(int index) const { return index < 0 ? at::Tensor() : parameters_[static_cast<std::size_t>(index)]; }

    const Network& network_;
    const std::vector<at::Tensor>& parameters_;
    const std::vector<at::Tensor>& states_;
    BatchNormMode mode_;
    const std::optional<DropoutDraw>& dropout_;
    std::vector<at::Tensor> results_;
};

}  // namespace

std::vector<BatchNorm> batch_norms(const Network& network) {
    if (network.graph) return batch_norms(*network.graph);
    std::vector<BatchNorm> result;
    for (const Op& op : network.ops)
        if (op.kind == OpKind::batch_norm)
            result.push_back(
                {op.name, static_cast<std::size_t>(op.running_mean), static_cast<std::size_t>(op.running_var), op.shape[1] * op.shape[2]});
    return result;
}

at::Tensor forward(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
                   const at::Tensor& images, BatchNormMode mode, const std::optional<DropoutDraw>& dropout) {
    OROGRAPH_EXPECT(parameters.size() == network.space.parameters.size() && states.size() == network.space.states.size());
    OROGRAPH_EXPECT(images.dim() == 4 && images.size(1) == network.channels);
    OROGRAPH_EXPECT(!dropout || (images.size(0) > 0 && dropout->pass >> 44 == 0));
    if (network.graph) {
        OROGRAPH_VALIDATE(mode != BatchNormMode::update_states && !dropout, ExitCode::unavailable, network.architecture,
                          " cannot be trained here");
        return run(*network.graph, parameters, states, images, mode);
    }
    return Pass(network, parameters, states, mode, dropout).run(images);
}

}  // namespace orograph::model
