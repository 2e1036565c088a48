#include "state_names.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace orograph::model {
namespace {

using Named = std::vector<std::pair<std::string, const StoredTensor*>>;

constexpr std::string_view wrappers[] = {"module.", "_orig_mod."};
constexpr std::string_view owners[] = {"model.", "net.", "network."};
constexpr std::string_view coefficients = "coeff_layer.";  // of the curve itself
constexpr std::size_t most_digits = 4;

// Layers that Garipov et al.'s curve modules call otherwise than the networks they are made of
// (github.com/timgaripov/dnn-mode-connectivity, models/).
constexpr std::pair<std::string_view, std::string_view> curve_layers[] = {
    {"downsample", "downsample.0"}, {"shortcut", "shortcut.0"},                            // PreResNet, WideResNet
    {"fc1", "classifier.1"},        {"fc2", "classifier.4"},    {"fc3", "classifier.6"},   // VGG
    {"conv1", "conv_part.0"},       {"conv2", "conv_part.3"},   {"conv3", "conv_part.6"},  // ConvFC
    {"fc4", "fc_part.0"},           {"fc5", "fc_part.2"},       {"fc6", "fc_part.4"},
};

std::string without_wrappers(std::string name) {
    for (const std::string_view wrapper : wrappers) {
        for (std::size_t at = name.find(wrapper); at != std::string::npos;) {
            const bool is_word = at == 0 || name[at - 1] == '.';
            if (is_word) name.erase(at, wrapper.size());
            at = name.find(wrapper, is_word ? at : at + 1);
        }
    }
    return name;
}

// Takes a first word off all names where they share it and the network has none like it.
void strip_owner(Named& tensors, const std::set<std::string>& expected) {
    for (const std::string_view owner : owners) {
        const auto has = [&](std::string_view name) { return name.starts_with(owner); };
        if (std::any_of(expected.begin(), expected.end(), has)) continue;
        if (!std::all_of(tensors.begin(), tensors.end(), [&](const auto& tensor) { return has(tensor.first); })) continue;
        for (auto& [name, tensor] : tensors) name.erase(0, owner.size());
    }
}

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

// Leaves one bend and what belongs to all of them (batch-norm statistics). Returns how many bends there are.
std::int64_t choose_bend(Named& tensors, const std::set<std::string>& expected, std::int64_t chosen) {
    std::int64_t bends = 0;
    Named kept;
    for (auto& [name, tensor] : tensors) {
        const std::int64_t bend = expected.contains(name) ? -1 : take_bend(name);
        bends = std::max(bends, bend + 1);
        if (bend == chosen || bend < 0) kept.emplace_back(std::move(name), tensor);
    }
    tensors = std::move(kept);
    if (bends > 0) std::erase_if(tensors, [](const auto& tensor) { return tensor.first.starts_with(coefficients); });
    return bends;
}

std::string network_name(const std::string& name, const std::set<std::string>& expected) {
    if (expected.contains(name)) return name;
    const std::size_t leaf = name.rfind('.');
    if (leaf == std::string::npos) return name;
    const std::size_t parent = name.rfind('.', leaf - 1);
    const std::size_t begin = leaf == 0 || parent == std::string::npos ? 0 : parent + 1;
    for (const auto& [curve, layer] : curve_layers) {
        if (std::string_view(name).substr(begin, leaf - begin) != curve) continue;
        const std::string other = cat(name.substr(0, begin), layer, name.substr(leaf));
        if (expected.contains(other)) return other;
    }
    return name;
}

}  // namespace

NamedTensors name_tensors(const StateDict& dict, const std::set<std::string>& expected, std::int64_t bend) {
    Named tensors;
    for (const auto& [name, tensor] : dict.tensors) tensors.emplace_back(without_wrappers(std::string(name)), tensor);
    NamedTensors named;
    named.bends = choose_bend(tensors, expected, bend);
    strip_owner(tensors, expected);
    for (const auto& [name, tensor] : tensors) {
        const std::string ours = named.bends > 0 ? network_name(name, expected) : name;
        require(named.tensors.emplace(ours, tensor).second, "the tensor ", quote(ours), " is there twice");
    }
    return named;
}

std::string curve_name(const std::string& name, const Network& network) {
    const std::size_t leaf = name.rfind('.');
    if (leaf == std::string::npos) return name;
    const std::string_view path = std::string_view(name).substr(0, leaf);
    for (const auto& [curve, layer] : curve_layers) {
        if (!path.ends_with(layer)) continue;
        const std::size_t begin = path.size() - layer.size();
        if (begin > 0 && path[begin - 1] != '.') continue;
        const std::string other = cat(path.substr(0, begin), curve, name.substr(leaf));
        const auto& names = network.space.state_dict_order;
        return std::find(names.begin(), names.end(), other) == names.end() ? other : name;
    }
    return name;
}

}  // namespace orograph::model
