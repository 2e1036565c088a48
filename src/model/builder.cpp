#include "builder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/model/exported.hpp"

#include <numeric>

namespace orograph::model {
namespace {

constexpr std::int64_t image_size = 32;

// Places that a window of op's kernel, stride and padding takes along one side.
std::int64_t window_count(std::int64_t size, const Op& op) {
    const std::int64_t rounding = op.ceil_mode ? op.stride - 1 : 0;
    return (size + 2 * op.padding - op.kernel + rounding) / op.stride + 1;
}

void set_windowed_shape(Op& op, std::int64_t channels) {
    op.shape = {channels, window_count(op.shape[1], op), window_count(op.shape[2], op)};
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

}  // namespace

NetworkBuilder::NetworkBuilder(const std::string& architecture, int channels, int classes) {
    OROGRAPH_EXPECT(channels > 0 && classes > 0);
    network_.architecture = architecture;
    network_.channels = channels;
    network_.classes = classes;
    network_.ops.push_back({.kind = OpKind::input, .shape = {channels, image_size, image_size}});
}

int NetworkBuilder::conv(int from, const std::string& name, const ConvOptions& options) {
    Op op = make_op(OpKind::conv2d, name, {from});
    OROGRAPH_EXPECT(op.shape[0] % options.groups == 0 && options.channels % options.groups == 0);
    op.groups = options.groups;
    op.kernel = options.kernel;
    op.stride = options.stride;
    op.padding = options.padding;
    op.weight = add_parameter(name + ".weight", {options.channels, op.shape[0] / op.groups, op.kernel, op.kernel});
    if (options.bias) op.bias = add_parameter(name + ".bias", {options.channels});
    set_windowed_shape(op, options.channels);
    return append(std::move(op));
}

int NetworkBuilder::batch_norm(int from, const std::string& name, double momentum) {
    Op op = make_op(OpKind::batch_norm, name, {from});
    op.momentum = momentum;
    const std::vector<std::int64_t> shape{op.shape[0]};
    op.weight = add_parameter(name + ".weight", shape);
    op.bias = add_parameter(name + ".bias", shape);
    op.running_mean = add_state(name + ".running_mean", shape);
    op.running_var = add_state(name + ".running_var", shape);
    network_.space.counters.push_back(name + ".num_batches_tracked");
    network_.space.state_dict_order.push_back(network_.space.counters.back());
    return append(std::move(op));
}

int NetworkBuilder::linear(int from, const std::string& name, std::int64_t outputs) {
    Op op = make_op(OpKind::linear, name, {from});
    OROGRAPH_EXPECT(op.shape[1] == 1 && op.shape[2] == 1);
    op.weight = add_parameter(name + ".weight", {outputs, op.shape[0]});
    op.bias = add_parameter(name + ".bias", {outputs});
    op.shape = {outputs, 1, 1};
    return append(std::move(op));
}

int NetworkBuilder::relu(int from) {
    return append(make_op(OpKind::relu, "", {from}));
}

int NetworkBuilder::add(int first, int second) {
    Op op = make_op(OpKind::add, "", {first, second});
    OROGRAPH_EXPECT(op.shape == network_.ops[static_cast<std::size_t>(second)].shape);
    return append(std::move(op));
}

int NetworkBuilder::max_pool(int from, const PoolOptions& options) {
    Op op = make_op(OpKind::max_pool, "", {from});
    op.kernel = options.kernel;
    op.stride = options.stride;
    op.ceil_mode = options.ceil_mode;
    set_windowed_shape(op, op.shape[0]);
    return append(std::move(op));
}

int NetworkBuilder::avg_pool(int from, int kernel) {
    Op op = make_op(OpKind::avg_pool, "", {from});
    op.kernel = op.stride = kernel;
    set_windowed_shape(op, op.shape[0]);
    return append(std::move(op));
}

int NetworkBuilder::flatten(int from) {
    Op op = make_op(OpKind::flatten, "", {from});
    op.shape = {op.shape[0] * op.shape[1] * op.shape[2], 1, 1};
    return append(std::move(op));
}

int NetworkBuilder::concat(const std::vector<int>& parts) {
    Op op = make_op(OpKind::concat, "", parts);
    op.shape[0] = 0;
    for (const int part : parts) {
        const auto& shape = network_.ops[static_cast<std::size_t>(part)].shape;
        OROGRAPH_EXPECT(shape[1] == op.shape[1] && shape[2] == op.shape[2]);
        op.shape[0] += shape[0];
    }
    return append(std::move(op));
}

int NetworkBuilder::pad_channels(int from, std::int64_t before, std::int64_t behind) {
    OROGRAPH_EXPECT(before >= 0 && behind >= 0);
    Op op = make_op(OpKind::pad_channels, "", {from});
    op.zeros = {before, behind};
    op.shape[0] += before + behind;
    return append(std::move(op));
}

int NetworkBuilder::dropout(int from, double probability) {
    OROGRAPH_EXPECT(probability >= 0 && probability < 1);
    Op op = make_op(OpKind::dropout, "", {from});
    op.probability = probability;
    return append(std::move(op));
}

// An operation with the shape of its first input, until the caller sets its own.
Op NetworkBuilder::make_op(OpKind kind, const std::string& name, const std::vector<int>& inputs) const {
    return {.kind = kind, .name = name, .inputs = inputs, .shape = network_.ops[static_cast<std::size_t>(inputs.front())].shape};
}

int NetworkBuilder::append(Op op) {
    network_.ops.push_back(std::move(op));
    return static_cast<int>(network_.ops.size()) - 1;
}

int NetworkBuilder::add_parameter(const std::string& name, const std::vector<std::int64_t>& shape) {
    return add_tensor(network_.space.parameters, name, shape);
}

int NetworkBuilder::add_state(const std::string& name, const std::vector<std::int64_t>& shape) {
    return add_tensor(network_.space.states, name, shape);
}

int NetworkBuilder::add_tensor(std::vector<TensorSpec>& specs, const std::string& name, const std::vector<std::int64_t>& shape) {
    const std::int64_t offset = specs.empty() ? 0 : specs.back().offset + specs.back().count;
    specs.push_back({name, shape, offset, product(shape)});
    network_.space.state_dict_order.push_back(name);
    return static_cast<int>(specs.size()) - 1;
}

std::int64_t Network::multiply_adds() const {
    if (graph) return multiply_adds_of(*graph);
    std::int64_t total = 0;
    for (const Op& op : ops) {
        if (op.kind != OpKind::conv2d && op.kind != OpKind::linear) continue;
        total += space.parameters[static_cast<std::size_t>(op.weight)].count * op.shape[1] * op.shape[2];
    }
    return total;
}

}  // namespace orograph::model
