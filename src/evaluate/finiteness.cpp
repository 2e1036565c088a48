#include "finiteness.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

constexpr int layers_between = 8;
constexpr double limit = 1e30;

// Whether a step after `index` reads an older value.
bool is_passed_by(const Plan& plan, int index) {
    return std::any_of(plan.steps.begin() + index + 1, plan.steps.end(),
                       [index](const Step& step) { return step.source < index || (step.residual != no_value && step.residual < index); });
}

}  // namespace

std::vector<int> measured_steps(const Plan& plan) {
    std::vector<int> result;
    int layers = 0;
    for (int i = 0; i + 1 < static_cast<int>(plan.steps.size()); ++i) {
        layers += plan.steps[i].layer >= 0 ? 1 : 0;
        if (layers < layers_between || is_passed_by(plan, i)) continue;
        result.push_back(i);
        layers = 0;
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
