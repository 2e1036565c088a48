#pragma once

#include "orograph/core/random.hpp"
#include "orograph/gpu/fold.hpp"
#include "orograph/gpu/perturb.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace orograph::gpu {

inline std::vector<float> normal_values(std::size_t count, std::uint64_t stream) {
    std::vector<float> values(count);
    CounterRandom(7, stream).fill_normal(values);
    return values;
}

// Layers of odd sizes at a random point: with batch norm and padding, with a bias of its own and an addend, with neither; batch norms
// alone, with and without scale and shift.
class SyntheticLayers {
public:
    SyntheticLayers(Element element, int directions) {
        add({.outputs = 5, .channels = 3, .window = 9, .padded_channels = 8}, element, /*bias=*/false, /*batch_norm=*/true);
        add({.outputs = 7, .channels = 5, .window = 1, .padded_channels = 5}, element, false, true);
        add({.outputs = 7, .channels = 5, .window = 9, .padded_channels = 5, .addend = 1}, element, true, true);
        add({.outputs = 131, .channels = 33, .window = 4, .padded_channels = 33}, element, true, false);
        add({.outputs = 3, .channels = 131, .window = 1, .padded_channels = 131}, Element::float32, false, false);
        add({.outputs = 37, .channels = 1, .window = 1, .padded_channels = 1}, Element::float32, false, true);
        add({.outputs = 9, .channels = 1, .window = 1, .padded_channels = 1}, Element::float32, false, true);
        layers_[5].weight = layers_[6].weight = layers_[6].gamma = layers_[6].beta = -1;
        for (int k = 0; k <= directions; ++k) {  // the first is the centre
            parameters_.push_back(normal_values(static_cast<std::size_t>(parameter_count_), 2 * static_cast<std::uint64_t>(k)));
            states_.push_back(normal_values(static_cast<std::size_t>(state_count_), 2 * static_cast<std::uint64_t>(k) + 1));
            for (float& value : states_.back()) value = k == 0 ? 2 + std::abs(value) : 0.01F * value;  // variances stay positive
        }
        for (int k = 0; k < directions; ++k) coefficients_.push_back(0.1F * static_cast<float>(k + 1) - 0.25F);
    }

    const std::vector<FoldLayer>& layers() const { return layers_; }
    const std::vector<std::vector<float>>& parameters() const { return parameters_; }
    const std::vector<std::vector<float>>& states() const { return states_; }
    std::size_t weight_bytes() const { return static_cast<std::size_t>(weight_bytes_); }
    std::size_t rows() const { return static_cast<std::size_t>(rows_); }
    void set_state(std::int64_t index, float value) { states_[0][static_cast<std::size_t>(index)] = value; }

    // Every second direction moves the states.
    static bool moves_states(int direction) { return direction % 2 == 1; }

    FoldPoint host_point() const {
        return point(parameters_, states_, [](const std::vector<float>& values) { return values.data(); });
    }

    // `pointer` of each vector, on whatever memory.
    template <class Vectors, class Pointer>
    FoldPoint point(const Vectors& parameters, const Vectors& states, const Pointer& pointer) const {
        FoldPoint result{.parameters = pointer(parameters[0]), .states = pointer(states[0])};
        result.directions = static_cast<int>(coefficients_.size());
        for (int k = 0; k < result.directions; ++k) {
            result.parameter_direction[k] = pointer(parameters[static_cast<std::size_t>(k) + 1]);
            if (moves_states(k)) result.state_direction[k] = pointer(states[static_cast<std::size_t>(k) + 1]);
            result.coefficient[k] = coefficients_[static_cast<std::size_t>(k)];
        }
        return result;
    }

    std::vector<float> point_parameters() const {
        return moved(parameters_, [](int) { return true; });
    }
    std::vector<float> point_states() const { return moved(states_, moves_states); }

private:
    void add(FoldLayer layer, Element element, bool bias, bool batch_norm) {
        layer.element = element;
        layer.weight = take(parameter_count_, std::int64_t{layer.outputs} * layer.channels * layer.window);
        if (bias) layer.bias = take(parameter_count_, layer.outputs);
        if (batch_norm) {
            layer.gamma = take(parameter_count_, layer.outputs);
            layer.beta = take(parameter_count_, layer.outputs);
            layer.mean = take(state_count_, layer.outputs);
            layer.variance = take(state_count_, layer.outputs);
            layer.epsilon = 1e-5;
        }
        layer.weight_out = take(weight_bytes_, std::int64_t{layer.outputs} * layer.window * layer.padded_channels * size_of(element));
        weight_bytes_ = (weight_bytes_ + 15) / 16 * 16;
        layer.row_out = take(rows_, layer.outputs);
        layers_.push_back(layer);
    }

    static std::int64_t take(std::int64_t& next, std::int64_t count) {
        const std::int64_t first = next;
        next += count;
        return first;
    }

    template <class Moves>
    std::vector<float> moved(const std::vector<std::vector<float>>& vectors, const Moves& moves) const {
        std::vector<float> out(vectors[0].size()), coefficients;
        std::vector<std::span<const float>> directions;
        for (std::size_t k = 0; k < coefficients_.size(); ++k) {
            if (!moves(static_cast<int>(k))) continue;
            directions.emplace_back(vectors[k + 1]);
            coefficients.push_back(coefficients_[k]);
        }
        perturb_cpu(out, vectors[0], directions, coefficients);
        return out;
    }

    std::vector<FoldLayer> layers_;
    std::int64_t parameter_count_ = 0, state_count_ = 0, weight_bytes_ = 0, rows_ = 0;
    std::vector<std::vector<float>> parameters_, states_;
    std::vector<float> coefficients_;
};

// Room for what comes out, on the host; filled with rubbish first.
struct HostFold {
    explicit HostFold(const SyntheticLayers& network)
        : weights(network.weight_bytes(), 0xab), bias(network.rows(), -1), norm(network.rows(), -1), bias_bfloat16(network.rows(), 1) {}

    FoldedPoint pointers() { return {weights.data(), bias.data(), bias_bfloat16.data(), norm.data()}; }

    float weight(const FoldLayer& layer, int output, int position, int channel) const {
        const std::int64_t index = (std::int64_t{output} * layer.window + position) * layer.padded_channels + channel;
        const unsigned char* first = weights.data() + layer.weight_out + index * size_of(layer.element);
        std::uint32_t bits = 0;  // of a bfloat16: the upper half
        std::memcpy(reinterpret_cast<unsigned char*>(&bits) + 4 - size_of(layer.element), first,
                    static_cast<std::size_t>(size_of(layer.element)));
        return std::bit_cast<float>(bits);
    }

    std::vector<unsigned char> weights;
    std::vector<float> bias, norm;
    std::vector<std::uint16_t> bias_bfloat16;
};

}  // namespace orograph::gpu
