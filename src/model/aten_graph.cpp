#include "aten_graph.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>

namespace orograph::model {
namespace {

constexpr std::int64_t most_values = std::int64_t{1} << 24;  // of one image in one result: 64 MiB in float32

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
            const at::ScalarType type = constant.is_floating_point() ? images.scalar_type() : constant.scalar_type();
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
        return set(number, take_results(stack));
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
        require(values <= most_values, "it gives ", values, " numbers an image, more than ", most_values);
    }
}

std::vector<at::Tensor> blank_as(const std::vector<at::Tensor>& tensors, at::Device device) {
    std::vector<at::Tensor> out;
    for (const at::Tensor& tensor : tensors) out.push_back(at::empty(tensor.sizes(), tensor.options().device(device)));
    return out;
}

// What a node would give for `batch` images, of the types of `like`.
Results blank_results(const AtenNode& node, const Results& like, std::int64_t batch, at::Device device) {
    Results results;
    for (std::size_t i = 0; i < like.size(); ++i)
        results.push_back(at::empty(sizes_at(node.shapes[i], batch), like[i].options().device(device)));
    return results;
}

// The graph without data, on LibTorch's meta device. The few operators that it has no meta form of in C++, such as convolutions, are asked
// on the CPU what they make of no images at all.
class DryRun {
public:
    DryRun(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states, std::int64_t batch)
        : graph_(graph),
          batch_(batch),
          cpu_parameters_(blank_as(parameters, at::kCPU)),
          cpu_states_(blank_as(states, at::kCPU)),
          meta_(graph, parameters, states, images(batch, at::kMeta)) {}

    void step(std::size_t number) {
        try {
            meta_.step(number);
        } catch (const c10::NotImplementedError&) {
            meta_.set(number, blank_results(graph_.nodes[number], results_for_none(number), batch_, at::kMeta));
        }
        check_results(meta_.results(number), graph_.nodes[number].shapes, batch_);
    }

private:
    at::Tensor images(std::int64_t batch, at::Device device) const {
        const auto [channels, height, width] = graph_.image;
        return at::empty({batch, channels, height, width}, at::TensorOptions(device).dtype(at::kFloat));
    }

    Results results_for_none(std::size_t number) {
        const AtenNode& node = graph_.nodes[number];
        const auto depends = [](const Shape& shape) {
            return std::ranges::any_of(shape, [](const Size& size) { return size.at(0) == 0; });
        };
        require(std::ranges::all_of(node.shapes, depends), "its shape cannot be checked, because it does not depend on the images");
        Run none(graph_, cpu_parameters_, cpu_states_, images(0, at::kCPU));
        for_each_read(node.arguments,
                      [&](std::size_t read) { none.set(read, blank_results(graph_.nodes[read], meta_.results(read), 0, at::kCPU)); });
        const Results& results = none.step(number);
        check_results(results, node.shapes, 0);
        return results;
    }

    const AtenGraph& graph_;
    const std::int64_t batch_;
    const std::vector<at::Tensor> cpu_parameters_, cpu_states_;
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
    return steps.tensor(graph.output);
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
    }
}

}  // namespace orograph::model
