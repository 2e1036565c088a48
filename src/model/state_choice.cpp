#include "state_choice.hpp"

#include "architecture_search.hpp"

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

std::size_t usualness(const std::string& key) {
    const std::size_t dot = key.rfind('.');
    const std::string_view last = std::string_view(key).substr(dot == std::string::npos ? 0 : dot + 1);
    return static_cast<std::size_t>(std::distance(usual_keys.begin(), std::find(usual_keys.begin(), usual_keys.end(), last)));
}

std::string keys_of(const Checkpoint& checkpoint) {
    std::vector<std::string> keys;
    for (const StateDict& dict : checkpoint.content.dicts) keys.push_back(dict.key.empty() ? "the top" : quote(dict.key));
    constexpr std::size_t most = 20;
    if (keys.size() > most) keys.resize(most);
    return join(keys);
}

// A state_dict with its readings for the network: all complete ones, or the nearest.
struct Candidate {
    const StateDict* dict = nullptr;
    std::vector<Reading> readings;

    bool is_complete() const { return readings.front().is_complete; }
};

class Chooser {
public:
    Chooser(const Checkpoint& checkpoint, const WeightsSource& source, const Network& network)
        : checkpoint_(checkpoint), source_(source), network_(network), choice_{source.prefix, source.bend.value_or(0)} {}

    ChosenState choose() const {
        if (checkpoint_.content.dicts.empty()) fail(no_tensors());
        const Candidate candidate = likeliest(candidates());
        ChosenState chosen = choose_reading(candidate);
        check_bend(chosen.reading.bends);
        if (!chosen.reading.twice.empty())
            fail(cat("is unclear: ", chosen.reading.twice, "; FILE#prefix= chooses by what names begin with"));
        return chosen;
    }

private:
    [[noreturn]] void fail(const std::string& problem) const {
        throw Error(ExitCode::data, cat("the checkpoint ", source_.file, " ", problem));
    }

    std::string no_tensors() const {
        const StateDicts& content = checkpoint_.content;
        const std::string keys = content.keys.empty() ? ", and no keys that are text" : cat("; its keys are: ", join(content.keys));
        const std::string makers =
            content.makers.empty() ? "" : cat("; objects (of which nothing was run), such as a whole module: ", join(content.makers));
        return cat("holds no tensors by name", keys, makers,
                   "; save model.state_dict() in the program that made it, or try python -m orograph.convert");
    }

    // Under the user's key, and with the user's prefix, where there are any.
    std::vector<Candidate> candidates() const {
        std::vector<Candidate> candidates;
        std::string fault;
        for (const StateDict& dict : checkpoint_.content.dicts) {
            if (!source_.key.empty() && dict.key != source_.key) continue;
            try {
                candidates.push_back({&dict, find_readings(dict, network_, choice_)});
            } catch (const Fault& problem) {
                fault = problem.what();
            }
        }
        if (candidates.empty() && !fault.empty()) throw Fault(fault);
        if (candidates.empty())
            fail(cat("has no tensors under the key ", quote(source_.key), "; it has them under: ", keys_of(checkpoint_)));
        return candidates;
    }

    Candidate likeliest(std::vector<Candidate> candidates) const {
        if (candidates.size() == 1) return candidates.front();
        std::vector<Candidate> complete;
        std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(complete), [](const auto& one) { return one.is_complete(); });
        if (!complete.empty()) return most_usual(std::move(complete));
        const auto nearest = std::max_element(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
            return a.readings.front().fitting < b.readings.front().fitting;
        });
        if (nearest->readings.front().fitting == 0)
            fail(cat("holds nothing that fits ", network_.architecture, "; it has tensors under: ", keys_of(checkpoint_)));
        return *nearest;
    }

    Candidate most_usual(std::vector<Candidate> fitting) const {
        std::stable_sort(fitting.begin(), fitting.end(),
                         [](const auto& a, const auto& b) { return usualness(a.dict->key) < usualness(b.dict->key); });
        if (fitting.size() == 1) return fitting.front();
        const std::string &first = fitting[0].dict->key, &second = fitting[1].dict->key;
        const std::string both = cat(quote(first), " and ", quote(second));
        if (usualness(first) == usualness(second))
            fail(cat("holds several weights that fit, ", both, "; choose: ", source_.file.string(), "#key=", first));
        log::info(
            cat("weights ", source_.file, ": of ", both, " taken the first; #key=", second, " after the file's name takes the other"));
        return fitting.front();
    }

    // Leaves out what is part of a larger network, where anything else fits.
    ChosenState choose_reading(const Candidate& candidate) const {
        if (candidate.readings.size() == most_readings) fail(several(candidate.readings));
        std::vector<ChosenState> parts;
        std::vector<Reading> fitting;
        for (const Reading& reading : candidate.readings) {
            ChosenState state{candidate.dict, reading, larger_than(reading)};
            if (state.is_part()) {
                parts.push_back(std::move(state));
            } else {
                fitting.push_back(reading);
            }
        }
        if (fitting.size() > 1) fail(several(fitting));
        return fitting.empty() ? parts.front() : ChosenState{candidate.dict, fitting.front(), {}};
    }

    // Looks only at what is under the reading's prefix.
    std::vector<std::string> larger_than(const Reading& reading) const {
        if (!reading.is_complete || reading.tensors.size() <= reading.fitting) return {};
        const StateDict part{"", {reading.tensors.begin(), reading.tensors.end()}};
        return find_architectures(part, network_, {{}, "", reading.fitting, false});
    }

    std::string several(const std::vector<Reading>& fitting) const {
        constexpr std::size_t most = 3;
        std::vector<std::string> choices;
        for (std::size_t k = 0; k < std::min(fitting.size(), most); ++k)
            choices.push_back(choice_of(cat(source_.prefix.value_or(""), fitting[k].prefix)));
        return cat("holds several sets of tensors that fit ", network_.architecture,
                   "; choose one by what names begin with: ", join(choices, " or "), fitting.size() > most ? " or another" : "");
    }

    // What to write for a prefix; some can be written in Python alone.
    std::string choice_of(const std::string& prefix) const {
        const std::string file = source_.file.string(), choice = cat(file, "#prefix=", prefix);
        const bool is_typed = escape(prefix) == prefix && parse_weights_source(choice).prefix == prefix;
        return is_typed ? choice
                        : cat(quote(prefix), " (which no #prefix= can name: rename the tensors in Python, or take them with ",
                              "python -m orograph.convert ", file, " NEW.safetensors --prefix)");
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
    ReadingChoice choice_;
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
