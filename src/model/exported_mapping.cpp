#include "exported_mapping.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace orograph::model {
namespace {

using Place = TensorRef::Place;
using Window = std::array<std::int64_t, 2>;

constexpr const char* counter = ".num_batches_tracked";

bool fixed(const Slot& slot) {
    return slot.kind == Slot::Kind::literal;
}

// The value of a literal argument; Fault for another.
const c10::IValue& value_of(const AtenNode& node, const char* name) {
    const Slot& slot = node.argument(name);
    require(fixed(slot), name, " is computed");
    return slot.literal;
}

bool is_none(const AtenNode& node, const char* name) {
    return fixed(node.argument(name)) && node.argument(name).literal.isNone();
}

// Height and width of a window, which ATen takes as one number for both too.
Window window(const AtenNode& node, const char* name, Window otherwise = {1, 1}) {
    const std::vector<std::int64_t> values = value_of(node, name).toIntVector();
    if (values.empty()) return otherwise;
    require(values.size() <= 2, name, " has ", values.size(), " numbers");
    return {values.front(), values.back()};
}

int square(const Window& window, const char* name) {
    require(window[0] == window[1] && 0 <= window[0] && window[0] <= 1 << 16, name, " is not the same in height and width");
    return static_cast<int>(window[0]);
}

int square(const AtenNode& node, const char* name) {
    return square(window(node, name), name);
}

// The shape [B, C, H, W] or [B, C] of one image's values; [B, C] as C, 1, 1.
std::array<std::int64_t, 3> image_shape(const Shape& shape) {
    const bool fits = (shape.size() == 2 || shape.size() == 4) && shape[0] == Size{1, 0} &&
                      std::all_of(shape.begin() + 1, shape.end(), [](const Size& size) { return size.factor == 0; });
    require(fits, "its result is neither [B, C, H, W] nor [B, C]");
    return {shape[1].offset, shape.size() == 4 ? shape[2].offset : 1, shape.size() == 4 ? shape[3].offset : 1};
}

class Mapper {
public:
    Mapper(const AtenGraph& graph, Network& network) : graph_(graph), network_(network), ops_(graph.nodes.size(), -1) {}

    void map_node(std::size_t number) {
        const AtenNode& node = graph_.nodes[number];
        shape_ = image_shape(node.shapes[0]);
        rank_ = node.shapes[0].size();
        ops_[number] = map(node, node.op.schema().name(), node.op.schema().overload_name());
    }

    int op_of(const TensorRef& ref) const {
        require(ref.output == 0 && (ref.place == Place::images || (ref.place == Place::node && ops_[ref.index] >= 0)),
                "it computes with a parameter as if it were an image");
        return ref.place == Place::images ? 0 : ops_[ref.index];
    }

private:
    int map(const AtenNode& node, const std::string& op, const std::string& overload) {
        static const std::vector<std::string> identities{"aten::alias",           "aten::contiguous", "aten::clone",   "aten::detach",
                                                         "aten::lift_fresh_copy", "aten::lift_fresh", "aten::identity"};
        static const std::vector<std::string> reshapes{"aten::flatten", "aten::view", "aten::reshape", "aten::_unsafe_view"};
        if (op == "aten::conv2d" && overload.empty()) return conv2d(node);
        if (op == "aten::linear") return linear(node);
        if (op == "aten::batch_norm") return batch_norm(node);
        if (op == "aten::relu") return append(start(OpKind::relu, {input(node, "self")}));
        if (op == "aten::add" && overload == "Tensor") return add(node);
        if (op == "aten::max_pool2d") return max_pool(node);
        if (op == "aten::avg_pool2d") return avg_pool(node);
        if (op == "aten::adaptive_avg_pool2d") return adaptive_pool(node);
        if (op == "aten::mean" && overload == "dim") return mean(node);
        if (op == "aten::cat" && overload.empty()) return concat(node);
        if (op == "aten::dropout") return dropout(node);
        if (std::ranges::find(reshapes, op) != reshapes.end() && overload != "dtype") return flatten(input(node, "self"));
        if (std::ranges::find(identities, op) != identities.end()) return input(node, "self");
        throw Fault("");
    }

    Op start(OpKind kind, std::vector<int> inputs) const { return {.kind = kind, .inputs = std::move(inputs), .shape = shape_}; }

    int append(Op op) {
        const bool row = op.kind == OpKind::flatten || op.kind == OpKind::linear;
        const bool image = op.kind == OpKind::conv2d || op.kind == OpKind::max_pool || op.kind == OpKind::avg_pool;
        ranks_.push_back(row ? 2 : image ? 4 : rank_of(op.inputs.front()));
        network_.ops.push_back(std::move(op));
        return static_cast<int>(network_.ops.size()) - 1;
    }

    const std::array<std::int64_t, 3>& shape_of(int op) const { return network_.ops[static_cast<std::size_t>(op)].shape; }

    // 4 of [B, C, H, W], 2 of [B, C].
    std::size_t rank_of(int op) const { return ranks_[static_cast<std::size_t>(op)]; }

    // The operation whose result the argument is.
    int input(const AtenNode& node, const char* name) const {
        const Slot& slot = node.argument(name);
        require(slot.kind == Slot::Kind::tensor, name, " is not a tensor");
        return op_of(slot.tensor);
    }

    // Index of the parameter or state that the argument is; -1 for none.
    static int tensor(const AtenNode& node, const char* name, Place place) {
        if (is_none(node, name)) return -1;
        const Slot& slot = node.argument(name);
        require(slot.kind == Slot::Kind::tensor && slot.tensor.place == place, name, " is computed");
        return static_cast<int>(slot.tensor.index);
    }

    // Weight and bias, and the module's name, which is the weight's.
    void set_tensors(Op& op, const AtenNode& node) const {
        op.weight = tensor(node, "weight", Place::parameter);
        op.bias = tensor(node, "bias", Place::parameter);
        require(op.weight >= 0, "it has no weight");
        op.name = network_.space.parameters[static_cast<std::size_t>(op.weight)].name;
        if (const std::size_t dot = op.name.rfind('.'); dot != std::string::npos) op.name.resize(dot);
    }

    int conv2d(const AtenNode& node) {
        Op op = start(OpKind::conv2d, {input(node, "input")});
        set_tensors(op, node);
        const auto& weight = network_.space.parameters[static_cast<std::size_t>(op.weight)].shape;
        op.kernel = square({weight[2], weight[3]}, "the kernel");
        op.stride = square(node, "stride");
        op.padding = square(node, "padding");
        op.groups = static_cast<int>(value_of(node, "groups").toInt());
        require(window(node, "dilation") == Window{1, 1}, "it is dilated");
        return append(std::move(op));
    }

    int linear(const AtenNode& node) {
        require(rank_ == 2, "its result is not [B, C]");
        Op op = start(OpKind::linear, {input(node, "input")});
        set_tensors(op, node);
        return append(std::move(op));
    }

    int batch_norm(const AtenNode& node) {
        Op op = start(OpKind::batch_norm, {input(node, "input")});
        set_tensors(op, node);
        op.running_mean = tensor(node, "running_mean", Place::state);
        op.running_var = tensor(node, "running_var", Place::state);
        require(op.bias >= 0 && op.running_mean >= 0 && op.running_var >= 0, "it has no weights or no running statistics");
        op.momentum = value_of(node, "momentum").toDouble();
        op.epsilon = value_of(node, "eps").toDouble();
        return append(std::move(op));
    }

    int add(const AtenNode& node) {
        require(value_of(node, "alpha").toScalar().equal(1), "alpha is not 1");
        const Op op = start(OpKind::add, {input(node, "self"), input(node, "other")});
        for (const int term : op.inputs) require(shape_of(term) == op.shape, "its terms have different shapes");
        return append(op);
    }

    int max_pool(const AtenNode& node) {
        Op op = start(OpKind::max_pool, {input(node, "self")});
        set_window(op, node);
        require(window(node, "dilation") == Window{1, 1}, "it is dilated");
        op.ceil_mode = value_of(node, "ceil_mode").toBool();
        return append(std::move(op));
    }

    int avg_pool(const AtenNode& node) {
        Op op = start(OpKind::avg_pool, {input(node, "self")});
        set_window(op, node);
        require(!value_of(node, "ceil_mode").toBool() && (op.padding == 0 || value_of(node, "count_include_pad").toBool()) &&
                    is_none(node, "divisor_override"),
                "it does not divide by the window's size");
        return append(std::move(op));
    }

    static void set_window(Op& op, const AtenNode& node) {
        const Window kernel = window(node, "kernel_size");
        op.kernel = square(kernel, "kernel_size");
        op.stride = square(window(node, "stride", kernel), "stride");
        op.padding = square(node, "padding");
    }

    int adaptive_pool(const AtenNode& node) { return pool_to(input(node, "self"), shape_[1], shape_[2]); }

    // Means of equal windows that make `height` x `width` of the image.
    int pool_to(int from, std::int64_t height, std::int64_t width) {
        const auto [channels, from_height, from_width] = shape_of(from);
        require(from_height % height == 0 && from_width % width == 0, "its windows have different sizes");
        Op op = start(OpKind::avg_pool, {from});
        op.kernel = op.stride = square({from_height / height, from_width / width}, "the window");
        op.shape = {channels, height, width};
        return op.kernel == 1 ? from : append(std::move(op));
    }

    int mean(const AtenNode& node) {
        std::vector<std::int64_t> sides = value_of(node, "dim").toIntVector();
        for (std::int64_t& side : sides) side += side < 0 ? 4 : 0;
        std::ranges::sort(sides);
        require(sides == std::vector<std::int64_t>{2, 3} && is_none(node, "dtype"), "it is not the mean over height and width");
        const int pooled = pool_to(input(node, "self"), 1, 1);
        return value_of(node, "keepdim").toBool() ? pooled : flatten(pooled);
    }

    int flatten(int from) {
        const auto [channels, height, width] = shape_of(from);
        if (shape_ == shape_of(from) && rank_ == rank_of(from)) return from;
        require(rank_ == 2 && shape_ == std::array{channels * height * width, std::int64_t{1}, std::int64_t{1}},
                "it does more than flatten the images");
        return append(start(OpKind::flatten, {from}));
    }

    int concat(const AtenNode& node) {
        const Slot& parts = node.argument("tensors");
        require(value_of(node, "dim").toInt() == 1 && parts.kind == Slot::Kind::list, "it does not join channels");
        Op op = start(OpKind::concat, {});
        for (const Slot& part : parts.items) op.inputs.push_back(op_of(part.tensor));
        return append(std::move(op));
    }

    int dropout(const AtenNode& node) {
        Op op = start(OpKind::dropout, {input(node, "input")});
        op.probability = value_of(node, "p").toDouble();
        require(op.probability < 1, "it drops everything");
        return append(std::move(op));
    }

    const AtenGraph& graph_;
    Network& network_;
    std::vector<int> ops_;  // of each node, the operation that gives its result
    std::array<std::int64_t, 3> shape_{};
    std::size_t rank_ = 0;
    std::vector<std::size_t> ranks_{4};  // of the results of the operations
};

std::string map_nodes(const AtenGraph& graph, Network& network) {
    Mapper mapper(graph, network);
    std::size_t node = 0;
    try {
        for (; node < graph.nodes.size(); ++node) mapper.map_node(node);
        const int logits = mapper.op_of(graph.output);
        if (logits + 1 != static_cast<int>(network.ops.size())) return "the logits, which are not what the last operation gives";
    } catch (const Fault& fault) {
        const std::string why = fault.what();
        return cat(graph.nodes[node].op.schema().name(), " (node ", quote(graph.nodes[node].name), ")",
                   why.empty() ? "" : ", where " + why);
    }
    return {};
}

// How many values a weight, which may be computed from parameters, has for one of its channels; 0 of what is no weight.
std::int64_t values_of_channel(const AtenGraph& graph, const ParameterSpace& space, const Slot& weight) {
    if (weight.kind != Slot::Kind::tensor) return 0;
    const TensorRef& ref = weight.tensor;
    if (ref.place == Place::parameter) {
        const TensorSpec& spec = space.parameters[ref.index];
        return spec.count / std::max<std::int64_t>(spec.shape[0], 1);
    }
    if (ref.place != Place::node || graph.nodes[ref.index].varies) return 0;
    const Shape& shape = graph.nodes[ref.index].shapes[ref.output];
    std::int64_t values = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) values *= shape[i].offset;
    return values;
}

}  // namespace

std::string map_operators(const AtenGraph& graph, bool trains, Network& network) {
    std::string unmapped;
    const auto& counters = network.space.counters;
    const auto other = std::ranges::find_if(counters, [](const std::string& name) { return !name.ends_with(counter); });
    if (!trains)
        unmapped = "operators in place, which the export had to replace";
    else if (other != counters.end())
        unmapped = cat("the tensor ", quote(*other), ", which is neither parameter nor state");
    else
        unmapped = map_nodes(graph, network);
    if (!unmapped.empty()) network.ops.resize(1);
    return unmapped;
}

std::int64_t count_multiply_adds(const AtenGraph& graph, const ParameterSpace& space) {
    std::int64_t total = 0;
    for (const AtenNode& node : graph.nodes) {
        const std::string& op = node.op.schema().name();
        if (op != "aten::conv2d" && op != "aten::linear") continue;
        // Each of the result's values is a sum of as many products as the weight has values for one of its channels.
        std::int64_t results = 1;
        for (const Size& size : node.shapes[0]) results *= size.at(2) - size.at(1) + (size.factor == 0 ? size.offset : 0);
        total += results * values_of_channel(graph, space, node.argument("weight"));
    }
    return total;
}

}  // namespace orograph::model
