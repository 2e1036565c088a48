#include "plan.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

using model::Op;
using model::OpKind;

const char* to_string(OpKind kind) {
    constexpr const char* names[] = {"input",    "convolution",  "linear layer", "batch norm",    "ReLU",   "addition",
                                     "max pool", "average pool", "flatten",      "concatenation", "dropout"};
    return names[static_cast<int>(kind)];
}

// Walks the operations in their order. A convolution or linear layer opens a chain; a batch norm, addition or ReLU that alone reads the
// chain's end extends it; the chain becomes a step when something else reads its end.
class Fuser {
public:
    explicit Fuser(const model::Network& network) : network_(network), consumers_(network.ops.size(), 0), results_(network.ops.size()) {
        for (const Op& op : network.ops)
            for (const int input : op.inputs) ++consumers_[input];
    }

    Plan run() {
        plan_.input = network_.ops.front().shape;
        plan_.classes = network_.classes;
        for (std::size_t i = 0; i < network_.ops.size(); ++i) results_[i] = fuse(network_.ops[i]);
        materialise(static_cast<int>(network_.ops.size()) - 1);
        if (plan_.steps.empty() || plan_.steps.back().kind != StepKind::linear)
            throw_unfusable("the logits", "they come from no linear layer");
        check_residuals();
        return plan_;
    }

private:
    // What an operation's result is: a value, or the end of an open chain.
    struct Result {
        int value = no_value;
        int chain = -1;
    };

    Result fuse(const Op& op) {
        switch (op.kind) {
            case OpKind::input:
                return {.value = plan_input};
            case OpKind::flatten:
                return {.value = materialise(op.inputs[0])};
            case OpKind::max_pool:
            case OpKind::avg_pool:
                return {.value = add_pool(op)};
            case OpKind::conv2d:
            case OpKind::linear:
                return {.chain = open_chain(op)};
            case OpKind::batch_norm:
                return {.chain = append_batch_norm(op)};
            case OpKind::add:
                return {.chain = append_addition(op)};
            case OpKind::relu:
                return {.chain = append_relu(op)};
            case OpKind::concat:
            case OpKind::dropout:
                break;
        }
        refuse(op, "it is of an unknown kind");
    }

    int open_chain(const Op& op) {
        Step step = step_of(op, op.kind == OpKind::conv2d ? StepKind::convolution : StepKind::linear);
        Layer layer{.name = op.name, .weight = op.weight, .bias = op.bias};
        const auto [channels, height, width] = step.input;
        const bool whole = step.kind == StepKind::linear;
        layer.shape = {op.shape[0], channels, whole ? height : op.kernel, whole ? width : op.kernel};
        step.layer = static_cast<int>(plan_.layers.size());
        plan_.layers.push_back(layer);
        chains_.push_back(step);
        return static_cast<int>(chains_.size()) - 1;
    }

    int append_batch_norm(const Op& op) {
        const int chain = extendable(op.inputs[0]);
        if (chain < 0 || chains_[chain].residual != no_value || plan_.layers[chains_[chain].layer].gamma >= 0)
            refuse(op, "it is not the only reader of a convolution or linear layer");
        if (op.weight < 0 || op.bias < 0 || op.running_mean < 0 || op.running_var < 0) refuse(op, "it lacks scale, shift or statistics");
        Layer& layer = plan_.layers[chains_[chain].layer];
        layer.gamma = op.weight;
        layer.beta = op.bias;
        layer.mean = op.running_mean;
        layer.variance = op.running_var;
        layer.epsilon = op.epsilon;
        return chain;
    }

    int append_addition(const Op& op) {
        for (int side = 0; side < 2; ++side) {
            const int chain = extendable(op.inputs[side]);
            if (chain < 0 || chains_[chain].residual != no_value) continue;
            chains_[chain].residual = materialise(op.inputs[1 - side]);
            return chain;
        }
        refuse(op, "neither of its terms is a convolution or linear layer that only it reads");
    }

    int append_relu(const Op& op) {
        const int chain = extendable(op.inputs[0]);
        if (chain < 0) refuse(op, "it is not the only reader of a convolution, linear layer or addition");
        chains_[chain].relu = true;
        return chain;
    }

    int add_pool(const Op& op) {
        if (op.kind == OpKind::avg_pool && op.padding != 0) refuse(op, "it averages over padding");
        plan_.steps.push_back(step_of(op, op.kind == OpKind::max_pool ? StepKind::max_pool : StepKind::avg_pool));
        return static_cast<int>(plan_.steps.size()) - 1;
    }

    Step step_of(const Op& op, StepKind kind) {
        const int source = materialise(op.inputs[0]);
        return {.kind = kind,
                .source = source,
                .input = source == plan_input ? plan_.input : plan_.steps[source].output,
                .output = op.shape,
                .kernel = op.kernel,
                .stride = op.stride,
                .padding = op.padding,
                .ceil_mode = op.ceil_mode};
    }

    // The open chain that ends in operation `index` and that its only reader may extend; -1: none.
    int extendable(int index) const {
        const int chain = results_[index].chain;
        return chain >= 0 && results_[index].value == no_value && consumers_[index] == 1 && !chains_[chain].relu ? chain : -1;
    }

    // The value of operation `index`; an open chain becomes a step.
    int materialise(int index) {
        Result& result = results_[index];
        if (result.value == no_value) {
            plan_.steps.push_back(chains_[result.chain]);
            result.value = static_cast<int>(plan_.steps.size()) - 1;
        }
        return result.value;
    }

    // A residual is overwritten by the sum, so nothing may read it afterwards.
    void check_residuals() const {
        for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
            const int residual = plan_.steps[i].residual;
            const bool read_later = std::any_of(plan_.steps.begin() + static_cast<std::ptrdiff_t>(i) + 1, plan_.steps.end(),
                                                [&](const Step& step) { return step.source == residual || step.residual == residual; });
            const bool read_here = plan_.steps[i].source == residual;
            if (residual == no_value || !(residual == plan_input || read_later || read_here)) continue;
            throw_unfusable(cat("the addition after '", plan_.layers[plan_.steps[i].layer].name, "'"), "what it adds is needed again");
        }
    }

    [[noreturn]] void refuse(const Op& op, const char* why) const {
        throw_unfusable(
            cat("the ", to_string(op.kind), op.name.empty() ? cat(" number ", &op - network_.ops.data()) : cat(" '", op.name, "'")), why);
    }

    [[noreturn]] void throw_unfusable(const std::string& what, const char* why) const {
        throw Error(ExitCode::config, cat("the compiled evaluator has no fused form for ", what, " of ", network_.architecture, " (", why,
                                          "); use evaluate.evaluator=reference"));
    }

    const model::Network& network_;
    std::vector<int> consumers_;
    std::vector<Result> results_;
    std::vector<Step> chains_;
    Plan plan_;
};

std::string describe(const Plan& plan, const Step& step) {
    std::string text;
    switch (step.kind) {
        case StepKind::convolution:
            text = "conv+bias";
            break;
        case StepKind::linear:
            text = "linear+bias";
            break;
        case StepKind::max_pool:
            text = "max_pool";
            break;
        case StepKind::avg_pool:
            text = "avg_pool";
            break;
    }
    if (step.residual != no_value) text += "+residual";
    if (step.relu) text += "+relu";
    if (step.layer >= 0) text += " " + plan.layers[step.layer].name;
    return cat(text, " ", step.output[0], "x", step.output[1], "x", step.output[2]);
}

}  // namespace

Plan make_plan(const model::Network& network) {
    return Fuser(network).run();
}

std::vector<int> last_readers(const Plan& plan) {
    std::vector<int> last(plan.steps.size(), no_value);
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i)
        for (const int value : {plan.steps[i].source, plan.steps[i].residual})
            if (value >= 0) last[value] = i;
    return last;
}

std::vector<std::string> describe(const Plan& plan) {
    std::vector<std::string> lines;
    for (const Step& step : plan.steps) lines.push_back(describe(plan, step));
    return lines;
}

}  // namespace orograph::evaluate
