#include "plan.hpp"

#include "orograph/core/error.hpp"

namespace orograph::evaluate {

namespace {

using model::Op;
using model::OpKind;

const char* to_string(OpKind kind) {
    constexpr const char* names[] = {"input",    "convolution",  "linear layer", "batch norm",    "ReLU",    "addition",
                                     "max pool", "average pool", "flatten",      "concatenation", "dropout", "padding"};
    return names[static_cast<int>(kind)];
}

bool is_pixel(const std::array<std::int64_t, 3>& shape) {
    return shape[1] == 1 && shape[2] == 1;
}

// Walks the operations in their order. A convolution or linear layer opens a chain, and so does what no chain can take up; a batch norm,
// addition or ReLU that alone reads the chain's end extends it; the chain becomes a step when something else reads its end.
class Fuser {
public:
    Fuser(const model::Network& network, Statistics statistics)
        : network_(network), stands_for_(network.ops.size()), consumers_(network.ops.size(), 0), results_(network.ops.size()) {
        plan_.statistics = statistics;
        find_identities();
        count_consumers();
    }

    Plan run() {
        plan_.input = network_.ops.front().shape;
        plan_.classes = network_.classes;
        for (std::size_t i = 0; i < network_.ops.size(); ++i)
            if (consumers_[i] > 0) fuse(static_cast<int>(i), results_[i]);
        finish_logits(stands_for_.back());
        return plan_;
    }

private:
    // What an operation's result is.
    struct Result {
        int value = no_value;    // once it is one
        int chain = -1;          // the end of a chain
        int row_of = -1;         // flatten: the operation whose values it sees as a row
        std::vector<int> parts;  // concatenation: of these values
    };

    const Op& op(int index) const { return network_.ops[static_cast<std::size_t>(index)]; }
    int input_of(const Op& op, std::size_t which) const { return stands_for_[static_cast<std::size_t>(op.inputs[which])]; }

    // Dropout in evaluation, and flatten of what is a row already.
    void find_identities() {
        for (int i = 0; i < static_cast<int>(network_.ops.size()); ++i) {
            const bool identity =
                op(i).kind == OpKind::dropout || (op(i).kind == OpKind::flatten && is_pixel(op(input_of(op(i), 0)).shape));
            stands_for_[static_cast<std::size_t>(i)] = identity ? input_of(op(i), 0) : i;
        }
    }

    // Of all that the logits depend on; they themselves have one.
    void count_consumers() {
        consumers_[static_cast<std::size_t>(stands_for_.back())] = 1;
        for (int i = static_cast<int>(network_.ops.size()) - 1; i >= 0; --i) {
            if (consumers_[static_cast<std::size_t>(i)] == 0) continue;
            for (std::size_t k = 0; k < op(i).inputs.size(); ++k) ++consumers_[static_cast<std::size_t>(input_of(op(i), k))];
        }
    }

    void fuse(int index, Result& result) {
        const Op& op = this->op(index);
        switch (op.kind) {
            case OpKind::input:
                result.value = plan_input;
                return;
            case OpKind::flatten:
                result.row_of = input_of(op, 0);
                return;
            case OpKind::max_pool:
            case OpKind::avg_pool:
                result.value = add_pool(op);
                return;
            case OpKind::conv2d:
            case OpKind::linear:
                result.chain = open_layer(op);
                return;
            case OpKind::batch_norm:
                result.chain = append_batch_norm(op);
                return;
            case OpKind::add:
                result.chain = append_addition(op);
                return;
            case OpKind::relu:
                result.chain = append_relu(op);
                return;
            case OpKind::concat:
                result.parts = join_parts(op);
                return;
            case OpKind::pad_channels:
                result.chain = open_padding(op);
                return;
            case OpKind::dropout:
                break;
        }
        refuse(op, "it is of an unknown kind");
    }

    int open_layer(const Op& op) {
        const bool whole = op.kind == OpKind::linear;
        const int input = input_of(op, 0), row_of = results_[static_cast<std::size_t>(input)].row_of;
        if (whole && !is_pixel(this->op(input).shape)) refuse(op, "it reads an image that is not flattened");
        Step step = step_of(op, whole ? StepKind::linear : StepKind::convolution, materialise(whole && row_of >= 0 ? row_of : input));
        const auto [channels, height, width] = step.input;
        step.layer = add_layer({.name = op.name,
                                .shape = {op.shape[0], channels / op.groups, whole ? height : op.kernel, whole ? width : op.kernel},
                                .weight = op.weight,
                                .bias = op.bias});
        return open_chain(std::move(step));
    }

    int append_batch_norm(const Op& op) {
        if (op.running_mean < 0 || op.running_var < 0) refuse(op, "it has no running statistics");
        int chain = extendable(input_of(op, 0));
        if (chain < 0 || plan_.statistics == Statistics::of_batch || chains_[chain].kind == StepKind::pointwise ||
            chains_[chain].residual != no_value || layer_of(chain).variance >= 0) {
            chain = open_pointwise(op);
            chains_[chain].layer = add_layer({.name = op.name, .shape = {op.shape[0], 1, 1, 1}});
        }
        Layer& layer = layer_of(chain);
        layer.gamma = op.weight;
        layer.beta = op.bias;
        layer.mean = op.running_mean;
        layer.variance = op.running_var;
        layer.epsilon = op.epsilon;
        return chain;
    }

    int append_addition(const Op& op) {
        for (const std::size_t side : {0, 1})
            if (this->op(input_of(op, side)).shape != op.shape) refuse(op, "its terms have different shapes");
        for (const std::size_t side : {0, 1}) {
            const int chain = extendable(input_of(op, side));
            if (chain < 0 || chains_[chain].residual != no_value) continue;
            chains_[chain].residual = value_of(input_of(op, 1 - side));
            return chain;
        }
        const int chain = open_pointwise(op);
        chains_[chain].residual = value_of(input_of(op, 1));
        return chain;
    }

    int append_relu(const Op& op) {
        int chain = extendable(input_of(op, 0));
        if (chain < 0) chain = open_pointwise(op);
        chains_[chain].relu = true;
        return chain;
    }

    int add_pool(const Op& op) {
        return add_step(step_of(op, op.kind == OpKind::max_pool ? StepKind::max_pool : StepKind::avg_pool, value_of(input_of(op, 0))));
    }

    // A concatenation's parts are its own.
    std::vector<int> parts_of(int index) {
        const Result& result = results_[static_cast<std::size_t>(index)];
        return result.value == no_value && !result.parts.empty() ? result.parts : std::vector<int>{value_of(index)};
    }

    std::vector<int> join_parts(const Op& op) {
        std::vector<int> all;
        for (std::size_t k = 0; k < op.inputs.size(); ++k) {
            const auto& shape = this->op(input_of(op, k)).shape;
            if (shape[1] != op.shape[1] || shape[2] != op.shape[2]) refuse(op, "its parts have different heights or widths");
            const std::vector<int> parts = parts_of(input_of(op, k));
            all.insert(all.end(), parts.begin(), parts.end());
        }
        return all;
    }

    int open_pointwise(const Op& op) { return open_chain(pointwise_step(parts_of(input_of(op, 0)), op.shape)); }

    static Step pointwise_step(const std::vector<int>& parts, const std::array<std::int64_t, 3>& shape) {
        return {.kind = StepKind::pointwise,
                .source = parts.front(),
                .others = {parts.begin() + 1, parts.end()},
                .input = shape,
                .output = shape};
    }

    int open_padding(const Op& op) {
        const int chain = open_pointwise(op);
        chains_[chain].zeros = op.zeros;
        return chain;
    }

    int open_chain(Step step) {
        chains_.push_back(std::move(step));
        return static_cast<int>(chains_.size()) - 1;
    }

    Step step_of(const Op& op, StepKind kind, int source) const {
        return {.kind = kind,
                .source = source,
                .input = shape_of(source),
                .output = op.shape,
                .kernel = op.kernel,
                .stride = op.stride,
                .padding = op.padding,
                .groups = op.groups,
                .ceil_mode = op.ceil_mode};
    }

    const std::array<std::int64_t, 3>& shape_of(int value) const {
        return value == plan_input ? plan_.input : plan_.steps[static_cast<std::size_t>(value)].output;
    }

    int add_step(Step step) {
        plan_.steps.push_back(std::move(step));
        return static_cast<int>(plan_.steps.size()) - 1;
    }

    int add_layer(const Layer& layer) {
        plan_.layers.push_back(layer);
        return static_cast<int>(plan_.layers.size()) - 1;
    }

    Layer& layer_of(int chain) { return plan_.layers[chains_[chain].layer]; }

    // The open chain that ends in operation `index` and that its only reader may extend; -1: none.
    int extendable(int index) const {
        const Result& result = results_[static_cast<std::size_t>(index)];
        const bool open = result.chain >= 0 && result.value == no_value && consumers_[static_cast<std::size_t>(index)] == 1;
        return open && !chains_[result.chain].relu ? result.chain : -1;
    }

    // The value of operation `index`; what is none yet becomes a step.
    int materialise(int index) {
        Result& result = results_[static_cast<std::size_t>(index)];
        if (result.value != no_value) return result.value;
        if (result.chain >= 0)
            result.value = add_step(chains_[result.chain]);
        else if (result.row_of >= 0)
            result.value = add_flatten(value_of(result.row_of), op(index).shape);
        else
            result.value = add_step(pointwise_step(result.parts, op(index).shape));
        return result.value;
    }

    // The same for a reader that wants the format of all values.
    int value_of(int index) {
        const int value = materialise(index);
        if (value != plan_input) return value;
        if (image_ == no_value) image_ = add_step({.kind = StepKind::image, .input = plan_.input, .output = plan_.input});
        return image_;
    }

    int add_flatten(int source, const std::array<std::int64_t, 3>& shape) {
        return add_step({.kind = StepKind::flatten, .source = source, .input = shape_of(source), .output = shape});
    }

    void finish_logits(int index) {
        const auto [channels, height, width] = op(index).shape;
        if (channels * height * width != network_.classes)
            throw_unfusable("the logits", cat("they are ", channels * height * width, " numbers for ", network_.classes, " classes"));
        const int value = value_of(index);
        const Step& step = plan_.steps[static_cast<std::size_t>(value)];
        if (step.kind == StepKind::linear && step.residual == no_value && !step.relu) return;
        add_flatten(value, {network_.classes, 1, 1});
    }

    [[noreturn]] void refuse(const Op& op, const std::string& why) const {
        throw_unfusable(
            cat("the ", to_string(op.kind), op.name.empty() ? cat(" number ", &op - network_.ops.data()) : cat(" '", op.name, "'")), why);
    }

    [[noreturn]] void throw_unfusable(const std::string& what, const std::string& why) const {
        throw Error(ExitCode::config, cat("the compiled evaluator has no fused form for ", what, " of ", network_.architecture, " (", why,
                                          "); use evaluate.evaluator=reference"));
    }

    const model::Network& network_;
    std::vector<int> stands_for_;  // of each operation, itself or the earlier one whose result it passes on
    std::vector<int> consumers_;   // of what the logits depend on; 0: they do not
    std::vector<Result> results_;
    std::vector<Step> chains_;
    int image_ = no_value;  // the step that brings the images into the format of all values
    Plan plan_;
};

}  // namespace

Plan make_plan(const model::Network& network, Statistics statistics) {
    return Fuser(network, statistics).run();
}

}  // namespace orograph::evaluate
