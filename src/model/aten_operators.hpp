#pragma once

#include "aten_graph.hpp"

#include <functional>

namespace orograph::model {

// The tensor that {"node": NAME}, {"node": NAME, "output": i} or {"tensor": NAME} refers to. Fault where there is none yet.
using Resolve = std::function<TensorRef(const nlohmann::json&)>;

// Looks up the operator and fits the arguments to its declaration; absent ones take their defaults. Fault where the operator is not of
// ATen, changes what it reads, reads memory or files of its own, or takes what an argument is not.
AtenNode bind_operator(const DescribedNode& node, const Resolve& resolve);

// Fault where a node, of which it is known whether it varies with the images, is random, trains, or makes one image's result depend on
// the others of its batch.
void check_determinism(const AtenNode& node);

}  // namespace orograph::model
