#include "fold.hpp"

#include "orograph/core/error.hpp"

#include <cmath>

namespace orograph::evaluate {

namespace {

// out[i] = scale * in[i], rounded once.
void scale_row(std::span<const float> in, double scale, float* out) {
    if (scale == 1 && in.data() == out) return;
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(scale * in[i]);
}

}  // namespace

void fold(const Layer& layer, const LayerValues& values, std::int64_t outputs, FoldedLayer& folded) {
    const auto count = static_cast<std::size_t>(outputs), row = static_cast<std::size_t>(layer.shape[1] * layer.shape[2] * layer.shape[3]);
    OROGRAPH_EXPECT(values.weight.empty() ? row == 1 : values.weight.size() == count * row);
    folded.weight.resize(count * row);
    folded.bias.resize(count);
    for (std::size_t k = 0; k < count; ++k) {
        double scale = 1;
        double bias = values.bias.empty() ? 0 : values.bias[k];
        if (!values.variance.empty()) {
            scale = (values.gamma.empty() ? 1 : values.gamma[k]) / std::sqrt(values.variance[k] + layer.epsilon);
            bias = (values.beta.empty() ? 0 : values.beta[k]) + (bias - values.mean[k]) * scale;
        }
        if (values.weight.empty())
            folded.weight[k] = static_cast<float>(scale);
        else
            scale_row(values.weight.subspan(k * row, row), scale, folded.weight.data() + k * row);
        folded.bias[k] = static_cast<float>(bias);
    }
}

std::span<const float> part_of(const Layer& layer, std::int64_t first, std::int64_t last, int index,
                               const std::vector<model::TensorSpec>& specs, std::span<const float> flat) {
    if (index < 0) return {};
    const model::TensorSpec& spec = specs[static_cast<std::size_t>(index)];
    const std::int64_t row = spec.count / layer.shape[0];
    return flat.subspan(static_cast<std::size_t>(spec.offset + first * row), static_cast<std::size_t>((last - first) * row));
}

void fold_outputs(const Layer& layer, std::int64_t first, std::int64_t last, const model::ParameterSpace& space,
                  std::span<const float> parameters, std::span<const float> states, FoldedLayer& folded) {
    OROGRAPH_EXPECT(0 <= first && first < last && last <= layer.shape[0]);
    const auto parameter = [&](int index) { return part_of(layer, first, last, index, space.parameters, parameters); };
    const auto state = [&](int index) { return part_of(layer, first, last, index, space.states, states); };
    fold(layer,
         {.weight = parameter(layer.weight),
          .bias = parameter(layer.bias),
          .gamma = parameter(layer.gamma),
          .beta = parameter(layer.beta),
          .mean = state(layer.mean),
          .variance = state(layer.variance)},
         last - first, folded);
}

void fold_layer(const Layer& layer, const model::ParameterSpace& space, std::span<const float> parameters, std::span<const float> states,
                FoldedLayer& folded) {
    fold_outputs(layer, 0, layer.shape[0], space, parameters, states, folded);
}

Layer parameters_only(Layer layer) {
    if (layer.variance < 0) return layer;
    layer.weight = layer.gamma;
    layer.bias = layer.beta;
    layer.gamma = layer.beta = layer.mean = layer.variance = -1;
    return layer;
}

}  // namespace orograph::evaluate
