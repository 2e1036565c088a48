#pragma once

#include "exported_description.hpp"

#include "orograph/model/forward.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/types.h>

#include <string>
#include <vector>

namespace orograph::model {

// Where a tensor comes from: the images, result `output` of a node, or one of the lists.
struct TensorRef {
    enum class Place { images, node, parameter, state, constant };
    Place place = Place::images;
    std::size_t index = 0;
    std::size_t output = 0;
};

// An argument. All but literals take their value as the graph runs.
struct Slot {
    enum class Kind { literal, tensor, size, list, float_type, complex_type, device };
    Kind kind = Kind::literal;
    c10::IValue literal;
    TensorRef tensor;
    Size size;
    std::vector<Slot> items;  // list
    c10::TypePtr element;     // list
};

// A call of an operator that has neither side effects nor randomness, with one slot for each argument of its declaration.
struct AtenNode {
    std::string name;
    c10::OperatorHandle op;
    std::vector<Slot> arguments;
    std::vector<Shape> shapes;  // of its results
    bool varies = true;         // with the images; false of what depends on parameters alone

    const Slot& argument(const std::string& name) const;
};

// Operators of ATen over the tensors of a parameter space. Nodes read the results of earlier ones only.
struct AtenGraph {
    std::string file;
    std::array<std::int64_t, 3> image{};
    std::vector<at::Tensor> constants;  // CPU
    std::vector<AtenNode> nodes;
    TensorRef output;
    std::vector<std::vector<std::size_t>> releases;  // of each node: the nodes that nothing reads after it
    std::string unmapped;                            // the first operator that Network::ops cannot express
    std::int64_t multiply_adds = 0;                  // of one image, in convolutions and linear layers
};

// visit(slot) for every one of `slots`, and those in lists.
template <class Visit>
void for_each_slot(const std::vector<Slot>& slots, const Visit& visit) {
    for (const Slot& slot : slots) {
        visit(slot);
        for_each_slot(slot.items, visit);
    }
}

// visit(node) for every node whose result one of `slots` reads.
template <class Visit>
void for_each_read(const std::vector<Slot>& slots, const Visit& visit) {
    for_each_slot(slots, [&](const Slot& slot) {
        if (slot.kind == Slot::Kind::tensor && slot.tensor.place == TensorRef::Place::node) visit(slot.tensor.index);
    });
}

// Logits [B, classes]. `parameters` and `states` as in forward(): of one dtype and device, which the images share; it takes the place of
// float32 in the whole graph. mode: use_states or replace_states. Error(data) naming the node where LibTorch refuses.
at::Tensor run(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
               const at::Tensor& images, BatchNormMode mode = BatchNormMode::use_states);

// Returns the nodes that normalise with states.
std::vector<BatchNorm> batch_norms(const AtenGraph& graph);

// Runs the graph without data and compares the shapes of all results with those in the file, for two batch sizes; of `parameters` and
// `states`, on the meta device, only the shapes count. Fault where one differs, is larger than any image's should be, or LibTorch refuses.
void check_shapes(const AtenGraph& graph, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states);

}  // namespace orograph::model
