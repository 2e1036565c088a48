#include "finiteness.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

// Layers on a value's way from the images or from what was measured: so many are wanted, and no more are let pass, so that the bound stays
// below the limit where a layer multiplies it by 100.
constexpr int wanted_layers = 8, most_layers = 12;
constexpr double limit = 1e30;

// Whether a step after `index` reads an older value.
bool is_passed_by(const Plan& plan, int index) {
    return std::any_of(plan.steps.begin() + index + 1, plan.steps.end(),
                       [index](const Step& step) { return std::ranges::min(values_read(step)) < index; });
}

}  // namespace

std::vector<int> measured_steps(const Plan& plan) {
    std::vector<int> result, layers;  // layers: on the longest way to each step's value
    for (int i = 0; i + 1 < static_cast<int>(plan.steps.size()); ++i) {
        layers.push_back(0);
        for (const int value : values_read(plan.steps[i]))
            if (value != plan_input) layers.back() = std::max(layers.back(), layers[static_cast<std::size_t>(value)]);
        layers.back() += plan.steps[i].layer >= 0 ? 1 : 0;
        if (layers.back() < wanted_layers || (layers.back() < most_layers && is_passed_by(plan, i))) continue;
        result.push_back(i);
        layers.back() = 0;
    }
    return result;
}

bool is_proven_finite(const Plan& plan, std::span<const LayerBound> layers, double greatest_input, std::span<const int> measured_steps,
                      std::span<const float> measured) {
    OROGRAPH_EXPECT(measured.size() == measured_steps.size() && layers.size() == plan.layers.size());
    std::vector<double> bounds;
    const auto bound_of = [&](int value) { return value == plan_input ? greatest_input : bounds[static_cast<std::size_t>(value)]; };
    std::size_t next = 0;
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        const Step& step = plan.steps[i];
        double bound = bound_of(step.source);
        for (const int value : step.others) bound = std::max(bound, bound_of(value));  // none is NaN: those failed at their steps
        if (step.layer >= 0) bound = layers[step.layer].weights * bound + layers[step.layer].bias;
        if (step.residual != no_value) bound += bound_of(step.residual);
        if (!(bound < limit)) return false;
        if (next < measured_steps.size() && measured_steps[next] == i) bound = measured[next++];
        if (!(bound < limit)) return false;
        bounds.push_back(bound);
    }
    return true;
}

}  // namespace orograph::evaluate
