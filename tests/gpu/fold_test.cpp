#include "synthetic_layers.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace orograph::gpu {

namespace {

// By the definition, in long double, one output at a time.
struct Oracle {
    explicit Oracle(const SyntheticLayers& network) : parameters(network.point_parameters()), states(network.point_states()) {}

    std::vector<float> parameters, states;

    long double parameter(std::int64_t index) const { return static_cast<long double>(parameters[static_cast<std::size_t>(index)]); }
    long double state(std::int64_t index) const { return static_cast<long double>(states[static_cast<std::size_t>(index)]); }

    long double scale(const FoldLayer& layer, int output) const {
        if (layer.variance < 0) return 1;
        return (layer.gamma < 0 ? 1 : parameter(layer.gamma + output)) /
               std::sqrt(state(layer.variance + output) + static_cast<long double>(layer.epsilon));
    }

    long double bias(const FoldLayer& layer, int output) const {
        const long double own = layer.bias < 0 ? 0 : parameter(layer.bias + output);
        if (layer.variance < 0) return own;
        return (own - state(layer.mean + output)) * scale(layer, output) + (layer.beta < 0 ? 0 : parameter(layer.beta + output));
    }

    long double weight(const FoldLayer& layer, int output, int channel, int position) const {
        if (channel >= layer.channels) return 0;
        if (layer.weight < 0) return scale(layer, output);
        return scale(layer, output) * parameter(layer.weight + (std::int64_t{output} * layer.channels + channel) * layer.window + position);
    }
};

// Relative difference, in units of a float32's or bfloat16's last place (roughly).
void expect_rounded(float actual, long double expected, Element element) {
    const long double unit = element == Element::float32 ? 6e-8L : 3.95e-3L;
    EXPECT_LE(std::abs(actual - expected), unit * std::abs(expected)) << static_cast<double>(expected);
}

class Fold : public testing::TestWithParam<Element> {};

TEST_P(Fold, IsTheDefinitionOnEveryLayer) {
    int compared = 0;
    for (const int directions : {0, 1, 2, 8}) {
        const SyntheticLayers network(GetParam(), directions);
        HostFold folded(network);
        fold_point_cpu(network.layers(), network.host_point(), folded.pointers());
        const Oracle oracle(network);
        for (const FoldLayer& layer : network.layers())
            for (int output = 0; output < layer.outputs; ++output) {
                long double norm = 0;
                for (int position = 0; position < layer.window; ++position)
                    for (int channel = 0; channel < layer.padded_channels; ++channel, ++compared) {
                        const float value = folded.weight(layer, output, position, channel);
                        expect_rounded(value, oracle.weight(layer, output, channel, position), layer.element);
                        norm += std::abs(value);
                    }
                long double bias = oracle.bias(layer, output);
                if (layer.addend >= 0) bias += oracle.bias(network.layers()[static_cast<std::size_t>(layer.addend)], output);
                const auto row = static_cast<std::size_t>(layer.row_out + output);
                expect_rounded(folded.bias[row], bias, Element::float32);
                expect_rounded(std::bit_cast<float>(static_cast<std::uint32_t>(folded.bias_bfloat16[row]) << 16), bias, Element::bfloat16);
                expect_rounded(folded.norm[row], norm, Element::float32);
            }
    }
    EXPECT_GT(compared, 4 * 1000);
}

INSTANTIATE_TEST_SUITE_P(Elements, Fold, testing::Values(Element::float32, Element::bfloat16));

TEST(Fold, ANegativeVarianceGivesNan) {
    SyntheticLayers network(Element::float32, 0);
    const FoldLayer& layer = network.layers()[0];
    network.set_state(layer.variance + 1, -1);
    HostFold folded(network);
    fold_point_cpu(network.layers(), network.host_point(), folded.pointers());
    EXPECT_TRUE(std::isnan(folded.norm[static_cast<std::size_t>(layer.row_out) + 1]));
    EXPECT_TRUE(std::isfinite(folded.norm[static_cast<std::size_t>(layer.row_out)]));
}

}  // namespace

}  // namespace orograph::gpu
