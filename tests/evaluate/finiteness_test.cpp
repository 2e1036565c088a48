#include "finiteness.hpp"

#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

Plan plan_of(const char* architecture) {
    return make_plan(model::build_network(architecture, 3, 10));
}

TEST(MeasuredSteps, ComeEveryFewLayersAndNothingPassesByThem) {
    int measured = 0;
    for (const char* architecture : {"resnet20", "resnet56", "resnet56_noshort", "vgg9", "vgg16bn"}) {
        const Plan plan = plan_of(architecture);
        const auto steps = measured_steps(plan);
        EXPECT_GE(steps.size(), plan.layers.size() / 11) << architecture;  // a block's three layers may come on top of eight
        for (const int step : steps)
            for (std::size_t later = static_cast<std::size_t>(step) + 1; later < plan.steps.size(); ++later, ++measured) {
                EXPECT_GE(plan.steps[later].source, step);
                EXPECT_TRUE(plan.steps[later].residual == no_value || plan.steps[later].residual >= step);
            }
    }
    EXPECT_GT(measured, 100);
    EXPECT_TRUE(measured_steps(plan_of("mlp")).empty());
}

// In a densely connected block something always passes by.
TEST(MeasuredSteps, ComeAfterTwelveLayersAtTheLatest) {
    int checked = 0;
    for (const char* architecture : {"densenet121", "preresnet110", "resnet50", "vgg16"}) {
        const Plan plan = plan_of(architecture);
        const auto steps = measured_steps(plan);
        std::vector<int> layers;  // on the longest way to each value from one that was measured
        for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i, ++checked) {
            int longest = 0;
            for (const int value : values_read(plan.steps[i])) longest = std::max(longest, value < 0 ? 0 : layers[value]);
            longest += plan.steps[i].layer >= 0 ? 1 : 0;
            EXPECT_LE(longest, 12) << architecture << ", step " << i;
            layers.push_back(std::ranges::count(steps, i) > 0 ? 0 : longest);
        }
    }
    EXPECT_GT(checked, 400);
}

// As many as the bound of the widest value of a block allows.
TEST(MeasuredSteps, LetDenselyConnectedNetworksBeProven) {
    const Plan plan = plan_of("densenet121");
    const auto steps = measured_steps(plan);
    const std::vector<LayerBound> layers(plan.layers.size(), {100, 10});
    std::vector<float> measured(steps.size(), 100);
    EXPECT_TRUE(is_proven_finite(plan, layers, 3, steps, measured));
    int refused = 0;
    for (float& value : measured) {
        value = std::numeric_limits<float>::infinity();
        refused += is_proven_finite(plan, layers, 3, steps, measured) ? 0 : 1;
        value = 100;
    }
    EXPECT_EQ(refused, std::ssize(steps));
    EXPECT_GT(refused, 40);
}

class Proof : public testing::Test {
protected:
    bool proven(double input = 1) const { return is_proven_finite(plan_, layers_, input, steps_, measured_); }

    const Plan plan_ = plan_of("resnet56");
    const std::vector<int> steps_ = measured_steps(plan_);
    std::vector<LayerBound> layers_ = std::vector<LayerBound>(plan_.layers.size(), {20, 1});
    std::vector<float> measured_ = std::vector<float>(steps_.size(), 100);
};

TEST_F(Proof, SucceedsThoughTheBoundOfTheWholeNetworkIsTooLarge) {
    EXPECT_TRUE(proven());
    EXPECT_GT(std::pow(20.0, static_cast<double>(plan_.layers.size())), 1e60);
}

TEST_F(Proof, FailsWhereALayerMayOverflow) {
    for (LayerBound& layer : layers_) {
        const LayerBound kept = layer;
        layer.weights = 1e29;
        EXPECT_FALSE(proven());
        layer = {20, 1e31};
        EXPECT_FALSE(proven());
        layer = kept;
    }
    EXPECT_FALSE(proven(1e30));
    EXPECT_TRUE(proven());
}

TEST_F(Proof, FailsOnNonFiniteNumbersAnywhere) {
    int refused = 0;
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        refused += proven(bad) ? 0 : 1;
        for (float& value : measured_) {
            value = static_cast<float>(bad);
            refused += proven() ? 0 : 1;
            value = 100;
        }
        for (LayerBound& layer : layers_) {
            layer.weights = bad;
            refused += proven() ? 0 : 1;
            layer = {20, bad};
            refused += proven() ? 0 : 1;
            layer = {20, 1};
        }
    }
    EXPECT_EQ(refused, 2 * (1 + std::ssize(measured_) + 2 * std::ssize(layers_)));
}

// The bound holds for a real network: every value of the plain one is below it where the proof would be about to fail.
TEST_F(Proof, CountsResidualsIn) {
    layers_.assign(layers_.size(), {0, 0});
    for (float& value : measured_) value = 9e29F;
    EXPECT_TRUE(proven());
    layers_.assign(layers_.size(), {0, 2e29});  // 9e29 and 2e29
    EXPECT_FALSE(proven());
}

}  // namespace

}  // namespace orograph::evaluate
