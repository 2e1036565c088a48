#pragma once

#include "plan.hpp"

#include <span>

// Which batches surely saw no infinity and no NaN, without looking at every value. ReLU and max pool may turn NaN and -infinity into 0, so
// the logits alone do not show what happened on the way. But a layer cannot overflow where the greatest input times the greatest sum of
// weight magnitudes of an output, plus bias and residual, is far below float32's limit. That bound grows by a factor of 10 to 100 a layer,
// so a few values on the way are measured. Free of torch.
namespace orograph::evaluate {

// The steps whose values are measured: about every eighth layer, where the plan has a single value in hand, so that nothing passes by it;
// after twelve at the latest, where the plan never has (a densely connected block).
std::vector<int> measured_steps(const Plan& plan);

// The greatest magnitudes of a layer's point: of an output's summed weights, and of a bias.
struct LayerBound {
    double weights = 0, bias = 0;
};

// Whether every sum in every step is bounded by 1e30, which leaves room for the transforms of any algorithm. greatest_input: magnitude of
// the images; measured: magnitudes of measured_steps(), in their order. A NaN anywhere proves nothing.
bool is_proven_finite(const Plan& plan, std::span<const LayerBound> layers, double greatest_input, std::span<const int> measured_steps,
                      std::span<const float> measured);

}  // namespace orograph::evaluate
