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

// What a layer has for some of its outputs at one point; empty where it has no such tensor.
struct LayerValues {
    std::span<const float> weight;                             // [outputs, C, H, W]
    std::span<const float> bias, gamma, beta, mean, variance;  // [outputs]
};

// Outputs [first, last) of the layer's tensor `index` of `specs`, which lies in `flat`; nothing for index -1.
std::span<const float> part_of(const Layer& layer, std::int64_t first, std::int64_t last, int index,
                               const std::vector<model::TensorSpec>& specs, std::span<const float> flat);

// With scale = gamma / sqrt(variance + epsilon), weight * scale and beta + (bias - mean) * scale (Jacob et al. 2018, "Quantization and
// training of neural networks for efficient integer-arithmetic-only inference", sec. 3.2), in float64 and rounded once, so that folding
// costs no accuracy. A negative variance gives NaN, as unfolded. `folded` is overwritten and keeps its memory; values.weight may be
// folded.weight.
void fold(const Layer& layer, const LayerValues& values, std::int64_t outputs, FoldedLayer& folded);

// Outputs [first, last) of a layer, from the flat vectors of `space`.
void fold_outputs(const Layer& layer, std::int64_t first, std::int64_t last, const model::ParameterSpace& space,
                  std::span<const float> parameters, std::span<const float> states, FoldedLayer& folded);

// All of them.
void fold_layer(const Layer& layer, const model::ParameterSpace& space, std::span<const float> parameters, std::span<const float> states,
                FoldedLayer& folded);

// As fold_layer() folds it without states: of a batch norm by itself, gamma and beta are what becomes scale and shift.
Layer parameters_only(Layer layer);

}  // namespace orograph::evaluate
