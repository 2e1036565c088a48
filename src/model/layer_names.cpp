#include "layer_names.hpp"

#include "layer_aliases.hpp"

#include "orograph/core/text.hpp"

#include <algorithm>
#include <set>

namespace orograph::model {
namespace {

constexpr std::string_view wrappers[] = {"module",      "_orig_mod",      "_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
                                         "_fpw_module", "_forward_module"};
constexpr std::string_view counters[] = {"num_batches_tracked", "n_averaged", "total_ops", "total_params", "num_updates"};

std::string_view last_word(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

bool is_wrapper(std::string_view word) {
    return std::find(std::begin(wrappers), std::end(wrappers), word) != std::end(wrappers);
}

bool is_counter(std::string_view name) {
    return std::find(std::begin(counters), std::end(counters), last_word(name)) != std::end(counters);
}

std::string without_wrappers(std::string_view name) {
    std::string kept;
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        const std::string_view word = name.substr(begin, end - begin);
        if (!is_wrapper(word)) kept.append(begin > 0 && !kept.empty() ? "." : "").append(word);
        begin = end + 1;
    }
    return kept;
}

NameIndex::NameIndex(const Network& network, Naming naming) {
    for (const auto* specs : {&network.space.parameters, &network.space.states})
        for (const TensorSpec& spec : *specs) tensors_.push_back(&spec);
    add_own_names();
    add_aliases(network, naming);
}

void NameIndex::add_own_names() {
    std::set<std::string> bare;
    for (const TensorSpec* spec : tensors_) bare.insert(without_wrappers(spec->name));
    keeps_wrappers_ = bare.size() < tensors_.size();
    for (std::size_t k = 0; k < tensors_.size(); ++k) add(this->bare(tensors_[k]->name), {k, false});
}

// Whether the name is a new one.
bool NameIndex::add(const std::string& name, Hit hit) {
    most_words_ = std::max(most_words_, static_cast<std::size_t>(std::count(name.begin(), name.end(), '.')) + 1);
    return names_.try_emplace(name, hit).second;
}

// Own names come first; what two tensors could be called is nobody's name.
void NameIndex::add_aliases(const Network& network, Naming naming) {
    std::set<std::string> unclear;
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
        const auto aliases =
            naming == Naming::curve ? std::vector{curve_name(tensors_[k]->name, network)} : other_names(tensors_[k]->name, network);
        for (const std::string& alias : aliases) {
            if (add(alias, {k, true})) continue;
            const Hit& known = names_.at(alias);
            if (known.is_alias && known.tensor != k) unclear.insert(alias);
        }
    }
    for (const std::string& name : unclear) names_.erase(name);
}

const NameIndex::Hit* NameIndex::find(std::string_view name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &found->second;
}

}  // namespace orograph::model
