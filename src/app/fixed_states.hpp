#pragma once

#include "orograph/model/weights.hpp"

#include <span>

namespace orograph::app {

// Warns, once and by name, of buffers in which networks that share a plane or a curve differ while every point has those of the first:
// batch-norm statistics that are not recalibrated, and whatever else a graph reads (the vectors of a spectral norm, statistics of a batch
// norm that its author wrote out). At the other networks' places the loss is then not theirs.
void warn_of_fixed_states(const model::Network& network, bool recalibrated, std::span<const model::Weights> weights);

}  // namespace orograph::app
