#pragma once

#include "aten_graph.hpp"

#include <functional>

namespace orograph::model {

// The tensor that {"node": NAME}, {"node": NAME, "output": i} or {"tensor": NAME} refers to. Fault where there is none yet.
using Resolve = std::function<TensorRef(const nlohmann::json&)>;

// Looks up the operator and fits the arguments to its declaration; absent ones take their defaults. Fault where the operator is not of
// ATen, changes what it reads, is random, reads memory or files of its own, or takes what an argument is not.
AtenNode bind_operator(const DescribedNode& node, const Resolve& resolve);

}  // namespace orograph::model
