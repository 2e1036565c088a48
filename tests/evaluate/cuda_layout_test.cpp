#include "cuda_layout.hpp"

#include "fixtures.hpp"
#include "fold.hpp"
#include "sketch.hpp"

#include "orograph/gpu/fold.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

std::span<const float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// A folded point on the host.
struct Folded {
    Folded(const CudaLayout& its_layout, const model::Weights& weights)
        : layout(its_layout), bytes(static_cast<std::size_t>(layout.sections.end)) {
        gpu::fold_point_cpu(layout.layers,
                            {.parameters = weights.parameters.const_data_ptr<float>(), .states = weights.states.const_data_ptr<float>()},
                            {bytes.data(), reinterpret_cast<float*>(bytes.data() + layout.sections.bias), nullptr,
                             reinterpret_cast<float*>(bytes.data() + layout.sections.norm)});
    }

    float weight(std::size_t layer, std::int64_t output, std::int64_t position, std::int64_t channel) const {
        const gpu::FoldLayer& place = layout.layers[layer];
        return reinterpret_cast<const float*>(bytes.data() +
                                              place.weight_out)[(output * place.window + position) * place.padded_channels + channel];
    }
    float bias(std::size_t layer, std::int64_t output) const {
        return reinterpret_cast<const float*>(bytes.data() + layout.sections.bias)[layout.layers[layer].row_out + output];
    }

    const CudaLayout& layout;
    std::vector<unsigned char> bytes;
};

class Layout : public testing::TestWithParam<const char*> {
protected:
    const model::Network network_ = model::build_network(GetParam(), 3, 10);
    const model::Weights weights_ = random_weights(network_, 41);
    const Plan plan_ = make_plan(network_);
};

// The CPU evaluator's folding, in another order; where a projection's bias is added elsewhere, the sum of both.
TEST_P(Layout, HoldsTheFoldedWeightsOfEveryLayer) {
    const CudaLayout layout = make_layout(plan_, network_.space, Precision::fp32);
    const Folded folded(layout, weights_);
    std::int64_t compared = 0;
    const auto fold = [&](std::size_t layer) {
        FoldedLayer result;
        fold_layer(plan_.layers[layer], network_.space, values(weights_.parameters), values(weights_.states), result);
        return result;
    };
    for (std::size_t layer = 0; layer < plan_.layers.size(); ++layer) {
        const gpu::FoldLayer& place = layout.layers[layer];
        const FoldedLayer expected = fold(layer);
        for (std::int64_t output = 0; output < place.outputs; ++output) {
            for (std::int64_t position = 0; position < place.window; ++position)
                for (std::int64_t channel = 0; channel < place.padded_channels; ++channel, ++compared)
                    ASSERT_EQ(folded.weight(layer, output, position, channel),
                              channel < place.channels ? expected.weight[(output * place.channels + channel) * place.window + position] : 0)
                        << plan_.layers[layer].name;
            const float addend = place.addend < 0 ? 0 : fold(static_cast<std::size_t>(place.addend)).bias[output];
            ASSERT_NEAR(folded.bias(layer, output), expected.bias[output] + addend,
                        1e-6 * (std::abs(expected.bias[output]) + std::abs(addend)));
        }
    }
    EXPECT_GE(compared, network_.space.parameters.back().offset / 2);
}

TEST_P(Layout, KeepsSectionsApartAndAligned) {
    for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
        const CudaLayout layout = make_layout(plan_, network_.space, precision);
        std::int64_t end = 0, rows = 0;
        for (const gpu::FoldLayer& layer : layout.layers) {
            EXPECT_EQ(layer.weight_out % 256, 0);
            EXPECT_EQ(layer.row_out % 128, 0);
            EXPECT_GE(layer.weight_out, end);
            EXPECT_GE(layer.row_out, rows);
            end = layer.weight_out + std::int64_t{layer.outputs} * layer.window * layer.padded_channels * size_of(layer.element);
            rows = layer.row_out + layer.outputs;
        }
        const PointSections& at = layout.sections;
        EXPECT_TRUE(end <= at.bias && at.bias + 4 * layout.rows <= at.norm && at.norm + 4 * layout.rows <= at.bias_bfloat16);
        EXPECT_EQ((at.end - at.bias_bfloat16) > 0, precision == Precision::bf16);
        EXPECT_EQ(layout.layers.back().element, gpu::Element::float32);
    }
}

INSTANTIATE_TEST_SUITE_P(Networks, Layout, testing::Values("resnet20", "resnet20_noshort", "vgg9", "mlp", "preresnet110"));

TEST(Layout, PadsImagesForConvolutionsOnly) {
    const auto channels = [](const char* architecture, int channels, Precision precision) {
        const auto network = model::build_network(architecture, channels, 10);
        return make_layout(make_plan(network), network.space, precision).image_channels;
    };
    EXPECT_EQ(channels("resnet20", 3, Precision::fp32), 4);
    EXPECT_EQ(channels("resnet20", 1, Precision::tf32), 4);
    EXPECT_EQ(channels("vgg9", 3, Precision::bf16), 8);
    EXPECT_EQ(channels("mlp", 3, Precision::bf16), 3);
}

TEST(Layout, AddsOnlyProjectionsBiasesElsewhere) {
    const auto network = model::build_network("resnet20", 3, 10);
    const Plan plan = make_plan(network);
    const CudaLayout layout = make_layout(plan, network.space, Precision::fp32);
    int elsewhere = 0, addends = 0;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) elsewhere += layout.bias_elsewhere[i] ? 1 : 0;
    for (const gpu::FoldLayer& layer : layout.layers) addends += layer.addend >= 0 ? 1 : 0;
    EXPECT_EQ(elsewhere, 2);
    EXPECT_EQ(addends, 2);
}

TEST(Layout, KeepsScalesInFloat32AndGroupsUnpadded) {
    const auto network = sketches::grouped();
    const Plan plan = make_plan(network);
    const CudaLayout layout = make_layout(plan, network.space, Precision::bf16);
    EXPECT_EQ(layout.image_channels, 6);
    EXPECT_EQ(layout.layers[0].padded_channels, 2);
    const auto dense = sketches::preactivated();
    const Plan dense_plan = make_plan(dense);
    int scales = 0;
    for (std::size_t i = 0; i < dense_plan.layers.size(); ++i) {
        const gpu::FoldLayer layer = make_layout(dense_plan, dense.space, Precision::bf16).layers[i];
        if (layer.weight >= 0) continue;
        EXPECT_EQ(layer.element, gpu::Element::float32);
        EXPECT_EQ(layer.outputs, 12);
        EXPECT_EQ(layer.window * layer.padded_channels, 1);
        ++scales;
    }
    EXPECT_EQ(scales, 3);
}

TEST(Batch, KeepsValuesInTheCacheWhereTheNetworkIsNarrow) {
    const auto batch = [](const char* architecture, gpu::Element element) {
        return choose_batch(make_plan(model::build_network(architecture, 3, 10)), element);
    };
    EXPECT_EQ(batch("resnet56", gpu::Element::bfloat16), 512);
    EXPECT_EQ(batch("resnet56", gpu::Element::float32), 256);
    EXPECT_EQ(batch("vgg9", gpu::Element::bfloat16), 256);
    EXPECT_EQ(batch("mlp", gpu::Element::float32), 512);
}

}  // namespace

}  // namespace orograph::evaluate
