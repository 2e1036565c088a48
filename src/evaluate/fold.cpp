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

void fold_layer(const Layer& layer, const model::ParameterSpace& space, std::span<const float> parameters, std::span<const float> states,
                FoldedLayer& folded) {
    const auto weight = tensor(parameters, space.parameters, layer.weight);
    const auto outputs = static_cast<std::size_t>(layer.shape[0]);
    const std::size_t row = weight.size() / outputs;
    OROGRAPH_EXPECT(row == static_cast<std::size_t>(layer.shape[1] * layer.shape[2] * layer.shape[3]));
    folded.weight.resize(weight.size());
    folded.bias.resize(outputs);
    for (std::size_t k = 0; k < outputs; ++k) {
        double scale = 1;
        double bias = layer.bias >= 0 ? tensor(parameters, space.parameters, layer.bias)[k] : 0;
        if (layer.gamma >= 0) {
            scale = tensor(parameters, space.parameters, layer.gamma)[k] /
                    std::sqrt(tensor(states, space.states, layer.variance)[k] + layer.epsilon);
            bias = tensor(parameters, space.parameters, layer.beta)[k] + (bias - tensor(states, space.states, layer.mean)[k]) * scale;
        }
        scale_row(weight.subspan(k * row, row), scale, folded.weight.data() + k * row);
        folded.bias[k] = static_cast<float>(bias);
    }
}

}  // namespace orograph::evaluate
