#include "state_reading.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace orograph::model {
namespace {

constexpr std::string_view coefficients = "coeff_layer.";  // of a curve itself
constexpr std::size_t most_digits = 4;

// A tensor of the file whose name may be one of the network's.
struct Candidate {
    std::string_view name;  // in the file
    std::string rest;       // without the chosen prefix, wrappers' words and a bend's number
    const StoredTensor* tensor = nullptr;
    std::int64_t bend = -1;
};

struct Claim {
    std::size_t candidate = 0, begin = 0;  // where in `rest` the network's name begins
    NameIndex::Hit hit;
};

// The bend of "layer.weight_2" or "layer.bias_2", -1 for another name; `name` loses its "_2".
std::int64_t take_bend(std::string& name) {
    const std::size_t bar = name.rfind('_');
    if (bar == std::string::npos) return -1;
    const std::string_view digits = std::string_view(name).substr(bar + 1), layer = std::string_view(name).substr(0, bar);
    if (!layer.ends_with(".weight") && !layer.ends_with(".bias")) return -1;
    std::int64_t bend = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bend);
    if (error != std::errc() || end != digits.data() + digits.size() || bend < 0 || digits.size() > most_digits) return -1;
    name.resize(bar);
    return bend;
}

// Calls visit(begin, hit) for each way to cut `rest` into a prefix of whole words and a name of the network's.
template <class Visit>
void for_each_hit(std::string_view rest, const NameIndex& index, const Visit& visit) {
    std::size_t end = rest.size();  // of what comes before the next word
    for (std::size_t words = 0; words < index.most_words(); ++words) {
        const std::size_t dot = end == 0 ? std::string_view::npos : rest.rfind('.', end - 1);
        const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
        if (const auto* hit = index.find(rest.substr(begin))) visit(begin, *hit);
        if (begin == 0) return;
        end = dot;
    }
}

// The part of a file's name before the words that `rest` has from `begin` on.
std::string prefix_in_file(const Candidate& candidate, std::size_t begin, const NameIndex& index) {
    std::string_view kept = std::string_view(candidate.rest).substr(begin);
    const std::string_view first = kept.substr(0, kept.find('.'));
    // The last place of the first word after which nothing but the rest and wrappers' words follow.
    for (std::size_t end = candidate.name.size(); end > 0;) {
        const std::size_t dot = candidate.name.rfind('.', end - 1);
        const std::size_t at = dot == std::string_view::npos ? 0 : dot + 1;
        std::string tail = index.bare(candidate.name.substr(at));
        if (candidate.bend >= 0) take_bend(tail);
        if (tail == kept && candidate.name.substr(at).starts_with(first)) return std::string(candidate.name.substr(0, at));
        if (at == 0) break;
        end = at - 1;
    }
    return candidate.rest.substr(0, begin);
}

class Readings {
public:
    Readings(const StateDict& dict, const Network& network, const ReadingChoice& choice)
        : network_(network), choice_(choice), index_(network, Naming::module) {
        select(dict);
    }

    std::vector<Reading> find() {
        auto readings = find_as(index_);
        if (readings.front().is_complete) return readings;
        const bool is_curve = split_bends();
        auto as_curve = find_as(NameIndex(network_, Naming::curve));  // of a bend that convert took, too
        return is_curve || as_curve.front().is_complete ? as_curve : readings;
    }

private:
    // Leaves the tensors under the chosen prefix, as the file or as the names without wrappers' words have it.
    void select(const StateDict& dict) {
        const std::string prefix = choice_.prefix.value_or(""), bare = bare_prefix(prefix);
        for (const bool is_bare : {false, true}) {
            for (const auto& [name, tensor] : dict.tensors) {
                if (!is_bare && name.starts_with(prefix)) {
                    candidates_.push_back({name, index_.bare(name.substr(prefix.size())), tensor});
                } else if (is_bare) {
                    const std::string whole = index_.bare(name);
                    if (whole.starts_with(bare)) candidates_.push_back({name, whole.substr(bare.size()), tensor});
                }
            }
            if (!candidates_.empty()) return;
        }
        require(!choice_.prefix, "none of its tensors' names begins with ", quote(prefix), "; they begin with: ", first_words(dict));
    }

    std::string bare_prefix(const std::string& prefix) const {
        std::string bare = index_.bare(prefix.ends_with('.') ? prefix.substr(0, prefix.size() - 1) : prefix);
        return bare.empty() ? bare : bare + ".";
    }

    static std::string first_words(const StateDict& dict) {
        constexpr std::size_t most = 10;
        std::set<std::string> words;
        for (const auto& [name, tensor] : dict.tensors) {
            if (words.size() < most) words.insert(quote(name.substr(0, std::min(name.find('.'), name.size() - 1) + 1)));
        }
        return join(std::vector<std::string>(words.begin(), words.end()));
    }

    // A name that ends as a bend's does, and is none of the network's, is that of a bend.
    bool split_bends() {
        for (Candidate& candidate : candidates_) {
            bool is_ours = false;
            for_each_hit(candidate.rest, index_, [&](std::size_t, const NameIndex::Hit&) { is_ours = true; });
            if (!is_ours) candidate.bend = take_bend(candidate.rest);
            bends_ = std::max(bends_, candidate.bend + 1);
        }
        return bends_ > 0;
    }

    bool is_of_this_bend(const Candidate& candidate) const { return candidate.bend < 0 || candidate.bend == choice_.bend; }

    std::vector<Reading> find_as(const NameIndex& index) {
        std::map<std::string, std::vector<Claim>, std::less<>> claims;
        for (std::size_t k = 0; k < candidates_.size(); ++k) {
            if (!is_of_this_bend(candidates_[k])) continue;
            for_each_hit(candidates_[k].rest, index, [&](std::size_t begin, const NameIndex::Hit& hit) {
                claims[candidates_[k].rest.substr(0, begin)].push_back({k, begin, hit});
            });
        }
        std::vector<Reading> complete;
        const std::vector<Claim>* most = nullptr;
        std::string nearest;
        for (const auto& [place, claimed] : claims) {
            if (most == nullptr || claimed.size() > most->size()) most = &claimed, nearest = place;
            if (claimed.size() < index.tensors().size()) continue;
            Reading reading = read(place, claimed, index);
            if (reading.is_complete) complete.push_back(std::move(reading));
            if (complete.size() == most_readings) break;
        }
        if (complete.empty()) return {most != nullptr ? read(nearest, *most, index) : read("", {}, index)};
        if (choice_.prefix && complete.front().place.empty()) complete.resize(1);
        return complete;
    }

    // Of several tensors that could be one of the network's the one under its own name is it, else the one of its shape; where two are
    // equally good it is unclear.
    Reading read(const std::string& place, const std::vector<Claim>& claims, const NameIndex& index) const {
        Reading reading{.place = place, .bends = bends_};
        std::vector<const Claim*> chosen(index.tensors().size(), nullptr), equals(index.tensors().size(), nullptr);
        for (const Claim& claim : claims) {
            const std::size_t tensor = claim.hit.tensor;
            const int difference = chosen[tensor] == nullptr ? 1 : rank(claim, index) - rank(*chosen[tensor], index);
            if (difference >= 0) equals[tensor] = difference > 0 ? nullptr : &claim;
            if (difference > 0) chosen[tensor] = &claim;
        }
        std::vector<bool> is_used(candidates_.size());
        for (std::size_t k = 0; k < chosen.size(); ++k) {
            if (chosen[k] == nullptr) continue;
            is_used[chosen[k]->candidate] = true;
            add(reading, *chosen[k], *index.tensors()[k]);
            if (equals[k] != nullptr) note_twice(reading, *chosen[k], *equals[k], *index.tensors()[k]);
        }
        reading.is_complete = reading.fitting == index.tensors().size();
        leave_over(reading, is_used);
        if (reading.is_complete) note_in_blocks(reading, is_used, index);
        return reading;
    }

    // Under a chosen prefix the name without wrappers' words comes before those with them.
    int rank(const Claim& claim, const NameIndex& index) const {
        const Candidate& candidate = candidates_[claim.candidate];
        const bool is_bare = choice_.prefix && candidate.name.size() == choice_.prefix->size() + candidate.rest.size();
        return (claim.hit.is_alias ? 0 : 4) + (candidate.tensor->shape == index.tensors()[claim.hit.tensor]->shape ? 2 : 0) +
               (is_bare ? 1 : 0);
    }

    void add(Reading& reading, const Claim& claim, const TensorSpec& spec) const {
        const Candidate& candidate = candidates_[claim.candidate];
        if (reading.tensors.empty()) reading.prefix = prefix_in_file(candidate, claim.begin, index_);
        reading.tensors.emplace(spec.name, candidate.tensor);
        reading.fitting += candidate.tensor->shape == spec.shape ? 1 : 0;
        if (claim.hit.is_alias && bends_ == 0) reading.renamed.emplace_back(candidate.name, spec.name);
    }

    void note_twice(Reading& reading, const Claim& one, const Claim& other, const TensorSpec& spec) const {
        if (!reading.twice.empty()) return;
        reading.twice = cat("the tensor ", quote(spec.name), " is there twice, as ", quote(candidates_[one.candidate].name), " and ",
                            quote(candidates_[other.candidate].name));
    }

    void leave_over(Reading& reading, const std::vector<bool>& is_used) const {
        for (std::size_t k = 0; k < candidates_.size(); ++k) {
            const Candidate& candidate = candidates_[k];
            if (is_used[k] || is_counter(candidate.rest) || candidate.bend >= 0) continue;
            if (bends_ > 0 && candidate.rest.starts_with(coefficients)) continue;
            reading.left_over.emplace_back(candidate.name);
            if (candidate.rest.starts_with(reading.place))
                reading.tensors.emplace(candidate.rest.substr(reading.place.size()), candidate.tensor);
        }
    }

    // A block is a module of the network's, under the names that the file has, which does not hold all of it. Where a convolution or a
    // linear layer in it is left over, another network was trained. A number or a vector may be a metric's. An exported network's own
    // state_dict has more than its graph reads: weights under a second name, tables of indices.
    void note_in_blocks(Reading& reading, const std::vector<bool>& is_used, const NameIndex& index) const {
        if (reading.left_over.empty() || !network_.digest.empty()) return;
        std::map<std::string_view, std::size_t> modules;  // how many of the network's tensors are in each
        for (std::size_t k = 0; k < candidates_.size(); ++k) {
            if (is_used[k]) for_each_module(candidates_[k].rest, reading.place, [&](std::string_view module) { ++modules[module]; });
        }
        const auto whole = static_cast<std::size_t>(std::count(is_used.begin(), is_used.end(), true));
        for (std::size_t k = 0; k < candidates_.size(); ++k) {
            const Candidate& candidate = candidates_[k];
            if (is_used[k] || candidate.tensor->shape.size() < 2 || candidate.bend >= 0 || is_counter(candidate.rest)) continue;
            if (candidate.rest.starts_with(reading.place) && index.find(candidate.rest.substr(reading.place.size()))) continue;  // a copy
            bool is_inside = false;
            for_each_module(candidate.rest, reading.place, [&](std::string_view module) {
                const auto found = modules.find(module);
                is_inside |= found != modules.end() && found->second < whole;
            });
            if (is_inside) reading.in_blocks.emplace_back(candidate.name);
        }
    }

    // Calls visit(module) for "layer1" and "layer1.0" of "layer1.0.weight" under `place`.
    template <class Visit>
    static void for_each_module(std::string_view rest, std::string_view place, const Visit& visit) {
        if (!rest.starts_with(place)) return;
        const std::string_view name = rest.substr(place.size());
        for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) visit(name.substr(0, dot));
    }

    const Network& network_;
    ReadingChoice choice_;
    NameIndex index_;
    std::vector<Candidate> candidates_;
    std::int64_t bends_ = 0;
};

}  // namespace

std::vector<Reading> find_readings(const StateDict& dict, const Network& network, const ReadingChoice& choice) {
    return Readings(dict, network, choice).find();
}

}  // namespace orograph::model
