#include "fold.hpp"

#include "orograph/core/error.hpp"

#include <cmath>

namespace orograph::evaluate {

namespace {

std::span<const float> tensor(std::span<const float> flat, const std::vector<model::TensorSpec>& specs, int index) {
    const model::TensorSpec& spec = specs[static_cast<std::size_t>(index)];
    return flat.subspan(static_cast<std::size_t>(spec.offset), static_cast<std::size_t>(spec.count));
}

// out[i] = scale * in[i], rounded once.
void scale_row(std::span<const float> in, double scale, float* out) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(scale * in[i]);
}

}  // namespace

void fold_outputs(const Layer& layer, std::int64_t first, std::int64_t last, const model::ParameterSpace& space,
                  std::span<const float> parameters, std::span<const float> states, FoldedLayer& folded) {
    const auto parameter = [&](int index) { return tensor(parameters, space.parameters, index); };
    const auto state = [&](int index) { return tensor(states, space.states, index); };
    const auto begin = static_cast<std::size_t>(first), outputs = static_cast<std::size_t>(last - first);
    const auto row = static_cast<std::size_t>(layer.shape[1] * layer.shape[2] * layer.shape[3]);
    OROGRAPH_EXPECT(0 <= first && first < last && last <= layer.shape[0]);
    OROGRAPH_EXPECT(layer.weight >= 0 ? parameter(layer.weight).size() == static_cast<std::size_t>(layer.shape[0]) * row : row == 1);
    folded.weight.resize(outputs * row);
    folded.bias.resize(outputs);
    for (std::size_t i = 0; i < outputs; ++i) {
        const std::size_t k = begin + i;
        double scale = 1;
        double bias = layer.bias >= 0 ? parameter(layer.bias)[k] : 0;
        if (layer.variance >= 0) {
            scale = (layer.gamma >= 0 ? parameter(layer.gamma)[k] : 1) / std::sqrt(state(layer.variance)[k] + layer.epsilon);
            bias = (layer.beta >= 0 ? parameter(layer.beta)[k] : 0) + (bias - state(layer.mean)[k]) * scale;
        }
        if (layer.weight >= 0)
            scale_row(parameter(layer.weight).subspan(k * row, row), scale, folded.weight.data() + i * row);
        else
            folded.weight[i] = static_cast<float>(scale);
        folded.bias[i] = static_cast<float>(bias);
    }
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
