#include "fixed_states.hpp"

#include "orograph/core/log.hpp"
#include "orograph/core/quote.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/forward.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace orograph::app {

namespace {

std::set<std::size_t> recalibrated_states(const model::Network& network) {
    std::set<std::size_t> states;
    for (const model::BatchNorm& norm : model::batch_norms(network)) states.insert({norm.running_mean, norm.running_var});
    return states;
}

bool differs(const model::TensorSpec& state, std::span<const model::Weights> weights) {
    const auto values = [&](const model::Weights& of) { return of.states.narrow(0, state.offset, state.count); };
    return std::any_of(weights.begin() + 1, weights.end(),
                       [&](const model::Weights& other) { return !at::equal(values(weights.front()), values(other)); });
}

}  // namespace

void warn_of_fixed_states(const model::Network& network, bool recalibrated, std::span<const model::Weights> weights) {
    const auto adapted = recalibrated ? recalibrated_states(network) : std::set<std::size_t>();
    std::vector<std::string> names;
    for (std::size_t k = 0; k < network.space.states.size(); ++k)
        if (!adapted.contains(k) && differs(network.space.states[k], weights)) names.push_back(quote(network.space.states[k].name));
    if (names.empty()) return;
    constexpr std::size_t shown = 3;
    const std::size_t more = names.size() - std::min(shown, names.size());
    names.resize(std::min(shown, names.size()));
    log::warn(cat("the networks have unlike buffers that are not recalibrated, and every point takes the first one's: ", join(names),
                  more > 0 ? cat(" and ", more, " more") : "", "; at the others' places the loss is not theirs"));
}

}  // namespace orograph::app
