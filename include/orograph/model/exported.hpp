#pragma once

#include "orograph/model/network.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace orograph::model {

// The value of model.architecture for a network from a file.
inline constexpr const char* exported_architecture = "exported";

// What tensors of an export that are no weights are called there: this, then their name.
inline constexpr const char* constant_prefix = "orograph.constant.";

// The network in a file of orograph.export (docs/design/own-models.md); load_weights() reads the weights from the same file, or from
// another checkpoint of the module. Where Network::ops can express every operator they do, and the network is like any other; else
// Network::graph holds the operators of ATen. Nothing in the file is believed: operators are looked up and must be free of side effects,
// arguments fit their declarations, and the graph is run without data, on LibTorch's meta device, for the shapes that it promises.
// Error(no_input), Error(data): one line that names the node.
Network load_exported(const std::filesystem::path& path);

// Why Network::ops could not express an exported network: the first operator that does not fit, "aten::gelu ('gelu_1')".
std::string unmapped_operator(const AtenGraph& graph);

// Multiply-adds of one image in convolutions and linear layers.
std::int64_t multiply_adds_of(const AtenGraph& graph);

}  // namespace orograph::model
