#pragma once

#include "plan.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orograph::evaluate {

// Outputs [first, last) of layer `layer` of a plan.
struct LayerPart {
    std::size_t layer = 0;
    std::int64_t first = 0, last = 0;
};

// weight [outputs, C, H, W] in C order and bias [outputs] of a part of a layer with its batch norm in them; of a batch norm by itself scale
// and shift.
struct FoldedLayer {
    std::vector<float> weight;
    std::vector<float> bias;
};

// The weights of a layer's outputs [first, last) at one point: with scale = gamma / sqrt(variance + epsilon), weight * scale and beta +
// (bias - mean) * scale (Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
// sec. 3.2), in float64 and rounded once, so that folding costs no accuracy. A negative variance gives NaN, as unfolded. parameters,
// states: the flat vectors of `space`. `folded` is overwritten and keeps its memory.
void fold_outputs(const Layer& layer, std::int64_t first, std::int64_t last, const model::ParameterSpace& space,
                  std::span<const float> parameters, std::span<const float> states, FoldedLayer& folded);

// All of them.
void fold_layer(const Layer& layer, const model::ParameterSpace& space, std::span<const float> parameters, std::span<const float> states,
                FoldedLayer& folded);

// As fold_layer() folds it without states: of a batch norm by itself, gamma and beta are what becomes scale and shift.
Layer parameters_only(Layer layer);

}  // namespace orograph::evaluate
