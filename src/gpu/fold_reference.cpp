#include "bfloat16.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/fold.hpp"

#include <cmath>
#include <cstring>

namespace orograph::gpu {

namespace {

float perturbed(const float* centre, const float* const* directions, const FoldPoint& point, std::int64_t index) {
    float value = centre[index];
    for (int k = 0; k < point.directions; ++k)
        if (directions[k] != nullptr) value = value + point.coefficient[k] * directions[k][index];
    return value;
}

float parameter(const FoldPoint& point, std::int64_t index) {
    return perturbed(point.parameters, point.parameter_direction, point, index);
}

float state(const FoldPoint& point, std::int64_t index) {
    return perturbed(point.states, point.state_direction, point, index);
}

struct Fold {
    double scale = 1, bias = 0;
};

Fold fold_of(const FoldLayer& layer, const FoldPoint& point, std::int64_t output) {
    Fold fold;
    if (layer.bias >= 0) fold.bias = parameter(point, layer.bias + output);
    if (layer.variance < 0) return fold;
    const double gamma = layer.gamma >= 0 ? parameter(point, layer.gamma + output) : 1;
    const double beta = layer.beta >= 0 ? parameter(point, layer.beta + output) : 0;
    fold.scale = gamma / std::sqrt(state(point, layer.variance + output) + layer.epsilon);
    fold.bias = beta + (fold.bias - state(point, layer.mean + output)) * fold.scale;
    return fold;
}

// Stores and returns what is stored.
float store(unsigned char* out, Element element, std::int64_t index, float value) {
    if (element == Element::float32) {
        std::memcpy(out + 4 * index, &value, 4);
        return value;
    }
    const std::uint16_t rounded = to_bfloat16(value);
    std::memcpy(out + 2 * index, &rounded, 2);
    return to_float(rounded);
}

void fold_row(const FoldLayer& layer, const FoldPoint& point, std::int64_t output, double scale, const FoldedPoint& folded) {
    const std::int64_t first = layer.weight + output * layer.channels * layer.window;
    const std::int64_t first_out = output * layer.window * layer.padded_channels;
    double norm = 0;
    for (std::int64_t position = 0; position < layer.window; ++position)
        for (std::int64_t channel = 0; channel < layer.padded_channels; ++channel) {
            float value = 0;
            if (channel < layer.channels) {
                const double weight = layer.weight < 0 ? 1 : parameter(point, first + channel * layer.window + position);
                value = static_cast<float>(scale * weight);
            }
            value = store(folded.weights + layer.weight_out, layer.element, first_out + position * layer.padded_channels + channel, value);
            norm += std::abs(value);
        }
    folded.norm[layer.row_out + output] = static_cast<float>(norm);
}

}  // namespace

void fold_point_cpu(std::span<const FoldLayer> layers, const FoldPoint& point, const FoldedPoint& folded) {
    OROGRAPH_EXPECT(point.directions <= max_fold_directions);
    for (const FoldLayer& layer : layers)
        for (std::int64_t output = 0; output < layer.outputs; ++output) {
            const Fold fold = fold_of(layer, point, output);
            const double addend = layer.addend >= 0 ? fold_of(layers[static_cast<std::size_t>(layer.addend)], point, output).bias : 0;
            const auto bias = static_cast<float>(fold.bias + addend);
            folded.bias[layer.row_out + output] = bias;
            if (folded.bias_bfloat16 != nullptr) folded.bias_bfloat16[layer.row_out + output] = to_bfloat16(bias);
            fold_row(layer, point, output, fold.scale, folded);
        }
}

}  // namespace orograph::gpu
