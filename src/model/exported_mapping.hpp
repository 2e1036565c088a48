#pragma once

#include "aten_graph.hpp"

#include "orograph/model/network.hpp"

#include <string>

namespace orograph::model {

// Appends to network.ops, which hold the input, what the graph does, where all of it can be said so; the graph's shapes are true. Returns
// the first operator that cannot, in words, and leaves the ops as they were; empty: all could. `trains`: whether the graph still shows
// dropout and batch norm, without which the ops would train another network.
std::string map_operators(const AtenGraph& graph, bool trains, Network& network);

// Multiply-adds of one image's convolutions and linear layers.
std::int64_t count_multiply_adds(const AtenGraph& graph, const ParameterSpace& space);

}  // namespace orograph::model
