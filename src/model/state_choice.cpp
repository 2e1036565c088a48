#include "state_choice.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace orograph::model {
namespace {

// Where people keep a state_dict, the most usual first; the last word of a nested key counts.
constexpr std::array<std::string_view, 9> usual_keys{"",    "state_dict", "model_state_dict", "model_state", "model",
                                                     "net", "network",    "weights",          "module"};

std::set<std::string> expected_names(const Network& network) {
    return {network.space.state_dict_order.begin(), network.space.state_dict_order.end()};
}

std::size_t usualness(const std::string& key) {
    const std::size_t dot = key.rfind('.');
    const std::string_view last = std::string_view(key).substr(dot == std::string::npos ? 0 : dot + 1);
    return static_cast<std::size_t>(std::distance(usual_keys.begin(), std::find(usual_keys.begin(), usual_keys.end(), last)));
}

struct Match {
    std::size_t fitting = 0;  // tensors of the network's that are there, in shape
    bool complete = false;    // and nothing is missing or left over
};

Match match(const NamedTensors& named, const ParameterSpace& space) {
    std::size_t needed = 0, counters = 0;
    Match result;
    for (const auto* specs : {&space.parameters, &space.states}) {
        for (const TensorSpec& spec : *specs) {
            const auto found = named.tensors.find(spec.name);
            result.fitting += found != named.tensors.end() && found->second->shape == spec.shape ? 1 : 0;
            ++needed;
        }
    }
    for (const std::string& name : space.counters) counters += named.tensors.count(name);
    result.complete = result.fitting == needed && named.tensors.size() == needed + counters;
    return result;
}

std::string keys_of(const Checkpoint& checkpoint) {
    std::vector<std::string> keys;
    for (const StateDict& dict : checkpoint.content.dicts) keys.push_back(dict.key.empty() ? "the top" : quote(dict.key));
    constexpr std::size_t most = 20;
    if (keys.size() > most) keys.resize(most);
    return join(keys);
}

class Chooser {
public:
    Chooser(const Checkpoint& checkpoint, const WeightsSource& source, const Network& network)
        : checkpoint_(checkpoint), source_(source), network_(network), expected_(expected_names(network)) {}

    ChosenState choose() const {
        const auto& dicts = checkpoint_.content.dicts;
        if (dicts.empty()) fail(cat("holds no tensors by name; its keys are: ", join(checkpoint_.content.keys)));
        const StateDict& dict = source_.key.empty() ? likeliest() : named_by_user();
        ChosenState chosen{dict.key, name_tensors(dict, expected_, source_.bend.value_or(0))};
        check_bend(chosen.named.bends);
        return chosen;
    }

private:
    [[noreturn]] void fail(const std::string& problem) const {
        throw Error(ExitCode::data, cat("the checkpoint ", source_.file, " ", problem));
    }

    const StateDict& named_by_user() const {
        for (const StateDict& dict : checkpoint_.content.dicts) {
            if (dict.key == source_.key) return dict;
        }
        fail(cat("has no tensors under the key ", quote(source_.key), "; it has them under: ", keys_of(checkpoint_)));
    }

    const StateDict& likeliest() const {
        const auto& dicts = checkpoint_.content.dicts;
        if (dicts.size() == 1) return dicts[0];
        std::vector<const StateDict*> complete;
        const StateDict* nearest = nullptr;
        std::size_t most = 0;
        for (const StateDict& dict : dicts) {
            const Match found = match(name_tensors(dict, expected_, source_.bend.value_or(0)), network_.space);
            if (found.complete) complete.push_back(&dict);
            if (found.fitting > most) nearest = &dict;
            most = std::max(most, found.fitting);
        }
        if (!complete.empty()) return most_usual(complete);
        if (nearest == nullptr)
            fail(cat("holds nothing that fits ", network_.architecture, "; it has tensors under: ", keys_of(checkpoint_)));
        return *nearest;
    }

    const StateDict& most_usual(std::vector<const StateDict*> fitting) const {
        std::stable_sort(fitting.begin(), fitting.end(),
                         [](const auto* a, const auto* b) { return usualness(a->key) < usualness(b->key); });
        if (fitting.size() == 1) return *fitting[0];
        const std::string both = cat(quote(fitting[0]->key), " and ", quote(fitting[1]->key));
        if (usualness(fitting[0]->key) == usualness(fitting[1]->key))
            fail(cat("holds several weights that fit, ", both, "; choose: ", source_.file.string(), "#key=", fitting[0]->key));
        log::info(cat("weights ", source_.file, ": of ", both, " taken the first; #key=", fitting[1]->key,
                      " after the file's name takes the other"));
        return *fitting[0];
    }

    void check_bend(std::int64_t bends) const {
        const std::string range = cat("a curve of ", bends, " bends, 0 to ", bends - 1);
        if (bends == 0 && source_.bend) fail("is no curve and has no bends; leave out #bend");
        if (bends > 0 && !source_.bend) fail(cat("is ", range, "; choose one: ", source_.file.string(), "#bend=0"));
        if (bends > 0 && *source_.bend >= bends) fail(cat("is ", range, "; there is no bend ", *source_.bend));
    }

    const Checkpoint& checkpoint_;
    const WeightsSource& source_;
    const Network& network_;
    std::set<std::string> expected_;
};

}  // namespace

ChosenState choose_state(const Checkpoint& checkpoint, const WeightsSource& source, const Network& network) {
    try {
        return Chooser(checkpoint, source, network).choose();
    } catch (const Fault& fault) {
        throw Error(ExitCode::data, cat("cannot read the weights ", source.file, ": ", fault.what()));
    }
}

}  // namespace orograph::model
