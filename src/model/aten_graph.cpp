#include "aten_graph.hpp"

#include "allocation_limit.hpp"
#include "export_rules.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>

namespace orograph::model {
namespace {

using Results = std::vector<at::Tensor>;

// The first line of what LibTorch says, without its stack trace.
std::string reason_of(const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    return quote(text.substr(0, text.find('\n')));
}

// The results that a call left on the stack: tensors, or one list of them.
Results take_results(const torch::jit::Stack& stack) {
    Results results;
    for (const c10::IValue& value : stack) {
        if (value.isTensor())
            results.push_back(value.toTensor());
        else
            for (const at::Tensor& tensor : value.toTensorList()) results.push_back(tensor);
    }
    return results;
}

// Whether the node normalises with states as they are: the operator of torch.export, or of its functional form.
bool is_batch_norm(const AtenNode& node) {
    const std::string& op = node.op.schema().name();
    const auto is_state = [&](const char* name) {
        const Slot& slot = node.argument(name);
        return slot.kind == Slot::Kind::tensor && slot.tensor.place == TensorRef::Place::state;
    };
    if (op != "aten::batch_norm" && op != "aten::_native_batch_norm_legit_no_training") return false;
    if (op == "aten::batch_norm") {
        const Slot& training = node.argument("training");
        if (training.kind != Slot::Kind::literal || training.literal.toBool()) return false;
    }
    return is_state("running_mean") && is_state("running_var");
}

// A batch norm on its arguments, which normalises with the batch and replaces the states. The functional form also gives two results that
// are empty in evaluation.
Results normalise_with_batch(const AtenNode& node, const torch::jit::Stack& arguments) {
    const auto value = [&](const char* name) { return arguments[static_cast<std::size_t>(*node.op.schema().argumentIndexWithName(name))]; };
    const auto tensor = [&](const char* name) { return value(name).toOptional<at::Tensor>(); };
    const at::Tensor input = value("input").toTensor();
    const at::Tensor result =
        at::batch_norm(input, tensor("weight"), tensor("bias"), tensor("running_mean"), tensor("running_var"),
                       /*training=*/true, /*momentum=*/1, value("eps").toDouble(), at::globalContext().userEnabledCuDNN());
    return {result, at::empty({0}, input.options()), at::empty({0}, input.options())};
}

// A run of the graph. Node by node, so that whoever steps through it can look at the results.
class Run {
public:
    Run(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states, const at::Tensor& images,
        BatchNormMode mode = BatchNormMode::use_states)
        : graph_(graph), parameters_(parameters), states_(states), images_(images), mode_(mode), results_(graph.nodes.size()) {
        for (const at::Tensor& constant : graph.constants) {
            const at::ScalarType type = constant.scalar_type() == at::kFloat ? images.scalar_type() : constant.scalar_type();
            constants_.push_back(constant.to(images.device(), type));
        }
    }

    const Results& step(std::size_t number) {
        const AtenNode& node = graph_.nodes[number];
        torch::jit::Stack stack;
        stack.reserve(node.arguments.size());
        for (const Slot& slot : node.arguments) stack.push_back(value_of(slot));
        if (mode_ == BatchNormMode::replace_states && is_batch_norm(node)) return set(number, normalise_with_batch(node, stack));
        node.op.callBoxed(stack);
        return set(number, in_run_type(take_results(stack)));
    }

    // In place of a step.
    const Results& set(std::size_t number, Results results) {
        for (const std::size_t read : graph_.releases[number]) results_[read].clear();
        return results_[number] = std::move(results);
    }

    const Results& results(std::size_t number) const { return results_[number]; }

    at::Tensor tensor(const TensorRef& ref) const {
        switch (ref.place) {
            case TensorRef::Place::images:
                return images_;
            case TensorRef::Place::parameter:
                return parameters_[ref.index];
            case TensorRef::Place::state:
                return states_[ref.index];
            case TensorRef::Place::constant:
                return constants_[ref.index];
            case TensorRef::Place::node:
                break;
        }
        return results_[ref.index].at(ref.output);
    }

private:
    // Operators that are told no type give float32, which stands for the type in which the network runs.
    Results in_run_type(Results results) const {
        if (images_.scalar_type() == at::kFloat) return results;
        for (at::Tensor& result : results) {
            if (result.scalar_type() == at::kFloat) result = result.to(images_.scalar_type());
        }
        return results;
    }

    c10::IValue value_of(const Slot& slot) const {
        switch (slot.kind) {
            case Slot::Kind::literal:
                return slot.literal;
            case Slot::Kind::tensor:
                return tensor(slot.tensor);
            case Slot::Kind::size:
                return slot.size.at(images_.size(0));
            case Slot::Kind::float_type:
                return static_cast<std::int64_t>(images_.scalar_type());
            case Slot::Kind::complex_type:
                return static_cast<std::int64_t>(c10::toComplexType(images_.scalar_type()));
            case Slot::Kind::device:
                return images_.device();
            case Slot::Kind::list:
                break;
        }
        c10::impl::GenericList list(slot.element);
        list.reserve(slot.items.size());
        for (const Slot& item : slot.items) list.push_back(value_of(item));
        return list;
    }

    const AtenGraph& graph_;
    const std::vector<at::Tensor>& parameters_;
    const std::vector<at::Tensor>& states_;
    const at::Tensor images_;
    const BatchNormMode mode_;
    std::vector<at::Tensor> constants_;
    std::vector<Results> results_;
};

std::string in_words(const std::vector<std::int64_t>& sizes) {
    std::vector<std::string> words;
    for (const std::int64_t size : sizes) words.push_back(std::to_string(size));
    return "[" + join(words) + "]";
}

std::vector<std::int64_t> sizes_at(const Shape& shape, std::int64_t batch) {
    std::vector<std::int64_t> sizes;
    for (const Size& size : shape) sizes.push_back(size.at(batch));
    return sizes;
}

void check_results(const Results& results, const std::vector<Shape>& shapes, std::int64_t batch) {
    require(results.size() == shapes.size(), "it gives ", results.size(), " tensors instead of ", shapes.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        const std::vector<std::int64_t> wanted = sizes_at(shapes[i], batch);
        require(results[i].sizes() == at::IntArrayRef(wanted), "for a batch of ", batch, " images it gives the shape ",
                in_words(results[i].sizes().vec()), " instead of ", in_words(wanted));
        const std::int64_t values = results[i].numel() / std::max<std::int64_t>(batch, 1);
        require(values <= export_rules().most_values, "it gives ", values, " numbers an image, more than ", export_rules().most_values);
    }
}

at::Tensor blank(at::IntArrayRef sizes, const at::TensorOptions& options) {
    return options.device().is_meta() ? at::empty(sizes, options) : at::zeros(sizes, options);
}

// What a node would give for `batch` images, of the types of `like`.
Results blank_results(const AtenNode& node, const Results& like, std::int64_t batch, at::Device device) {
    Results results;
    for (std::size_t i = 0; i < like.size(); ++i)
        results.push_back(blank(sizes_at(node.shapes[i], batch), like[i].options().device(device)));
    return results;
}

// Whether all results vanish with the batch.
bool of_images(const AtenNode& node) {
    return std::ranges::all_of(
        node.shapes, [](const Shape& shape) { return std::ranges::any_of(shape, [](const Size& size) { return size.at(0) == 0; }); });
}

// The graph without data, on LibTorch's meta device. The few operators that it has no meta form of in C++, such as convolutions, are asked
// on the CPU what they make of zeros: of no images at all where that tells the shape, since it costs nothing.
class DryRun {
public:
    DryRun(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states, std::int64_t batch)
        : graph_(graph),
          batch_(batch),
          parameters_(parameters),
          states_(states),
          meta_(graph, parameters, states, images(batch, at::kMeta)) {}

    void step(std::size_t number) {
        try {
            meta_.step(number);
        } catch (const c10::NotImplementedError&) {
            meta_.set(number, results_on_cpu(number));
        }
        check_results(meta_.results(number), graph_.nodes[number].shapes, batch_);
    }

    at::Tensor logits() const { return meta_.tensor(graph_.output); }

private:
    at::Tensor images(std::int64_t batch, at::Device device) const {
        const auto [channels, height, width] = graph_.image;
        return blank({batch, channels, height, width}, at::TensorOptions(device).dtype(at::kFloat));
    }

    Results results_on_cpu(std::size_t number) const {
        if (!of_images(graph_.nodes[number])) return results_on_cpu(number, batch_);
        try {
            return results_on_cpu(number, 0);
        } catch (const c10::Error&) {
            return results_on_cpu(number, batch_);  // instance_norm, say, takes no empty batch
        }
    }

    // What a node gives, without its values. Memory that is taken under the limit is returned under it.
    Results results_on_cpu(std::size_t number, std::int64_t batch) const {
        const AllocationLimit limit(most_bytes);
        const AtenNode& node = graph_.nodes[number];
        std::vector<at::Tensor> parameters(parameters_.size()), states(states_.size());
        Run run(graph_, parameters, states, images(batch, at::kCPU));
        for_each_slot(node.arguments, [&](const Slot& slot) {
            const auto [place, index, output] = slot.tensor;
            if (slot.kind != Slot::Kind::tensor) return;
            if (place == TensorRef::Place::parameter) parameters[index] = at::zeros(parameters_[index].sizes());
            if (place == TensorRef::Place::state) states[index] = at::zeros(states_[index].sizes());
            if (place == TensorRef::Place::node) run.set(index, blank_results(graph_.nodes[index], meta_.results(index), batch, at::kCPU));
        });
        const Results& results = run.step(number);
        check_results(results, node.shapes, batch);
        return blank_results(node, results, batch_, at::kMeta);
    }

    static constexpr std::int64_t most_bytes = std::int64_t{1} << 31;

    const AtenGraph& graph_;
    const std::int64_t batch_;
    const std::vector<at::Tensor>&parameters_, &states_;
    Run meta_;
};

std::string place_of(const AtenNode& node) {
    return cat("node ", quote(node.name), " (", node.op.schema().name(), "): ");
}

}  // namespace

const Slot& AtenNode::argument(const std::string& wanted) const {
    const auto index = op.schema().argumentIndexWithName(wanted);
    OROGRAPH_EXPECT(index.has_value());
    return arguments[static_cast<std::size_t>(index.value())];
}

at::Tensor run(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
               const at::Tensor& images, BatchNormMode mode) {
    Run steps(graph, parameters, states, images, mode);
    for (std::size_t k = 0; k < graph.nodes.size(); ++k) {
        try {
            steps.step(k);
        } catch (const c10::Error& error) {
            throw Error(ExitCode::data,
                        cat("the exported model ", graph.file, " cannot run: ", place_of(graph.nodes[k]), reason_of(error)));
        }
    }
    const at::Tensor logits = steps.tensor(graph.output);
    if (logits.dim() != 2 || logits.size(0) != images.size(0))
        throw Error(ExitCode::data, cat("the exported model ", graph.file, " cannot run: it gives logits of the shape ",
                                        in_words(logits.sizes().vec()), " for ", images.size(0), " images"));
    return logits.to(images.scalar_type());
}

std::vector<BatchNorm> batch_norms(const AtenGraph& graph) {
    std::vector<BatchNorm> result;
    for (const AtenNode& node : graph.nodes) {
        if (!is_batch_norm(node)) continue;
        std::int64_t values = 1;
        for (std::size_t k = 0; k < node.shapes[0].size(); ++k) values *= k == 1 ? 1 : node.shapes[0][k].at(1);
        result.push_back({node.name, node.argument("running_mean").tensor.index, node.argument("running_var").tensor.index, values});
    }
    return result;
}

void check_shapes(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states) {
    const c10::InferenceMode inference;
    for (const std::int64_t batch : {2, 3}) {
        DryRun steps(graph, parameters, states, batch);
        for (std::size_t k = 0; k < graph.nodes.size(); ++k) {
            try {
                steps.step(k);
            } catch (const Fault& fault) {
                throw Fault(place_of(graph.nodes[k]) + fault.what());
            } catch (const c10::Error& error) {
                throw Fault(place_of(graph.nodes[k]) + reason_of(error));
            }
        }
        require(steps.logits().is_floating_point(), "its logits are ", c10::toString(steps.logits().scalar_type()),
                ", not of floating point");
    }
}

}  // namespace orograph::model
