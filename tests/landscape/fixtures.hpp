#pragma once

#include "orograph/core/error.hpp"
#include "orograph/landscape/direction.hpp"

#include <string>
#include <utility>

namespace orograph::testing {

// Initial weights with every BN tensor and bias moved away from 0 and 1, as training would.
inline model::Weights lively_weights(const model::Network& network, std::uint64_t seed) {
    model::Weights weights = model::initial_weights(network, seed);
    const auto wave = [](const at::Tensor& flat, double step) { return at::arange(flat.numel()).to(at::kFloat).mul(step).sin().mul(0.2); };
    weights.parameters.add_(wave(weights.parameters, 0.37 + 0.1 * static_cast<double>(seed)));
    weights.states.add_(wave(weights.states, 0.71 + 0.1 * static_cast<double>(seed)));
    return weights;
}

// A direction with all values drawn at random.
inline landscape::Direction raw_direction(const model::Network& network, const model::Weights& centre, std::uint64_t seed,
                                          landscape::Space space = landscape::Space::parameters) {
    using namespace landscape;
    return random_direction(network, centre, {.seed = seed, .normalize = Normalize::none, .ignore = Ignore::none, .space = space});
}

// Code and message of the Error that `action` throws.
template <class Action>
std::pair<ExitCode, std::string> error_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return {error.code(), error.what()};
    }
    return {ExitCode::done, ""};
}

}  // namespace orograph::testing
