#include "layer_aliases.hpp"

#include "layer_names.hpp"

#include "orograph/core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

namespace orograph::model {
namespace {

using Words = std::vector<std::string>;

// Layers that Garipov et al.'s curve modules call otherwise than the networks they are made of
// (github.com/timgaripov/dnn-mode-connectivity, models/).
constexpr std::pair<std::string_view, std::string_view> curve_layers[] = {
    {"downsample", "downsample.0"}, {"shortcut", "shortcut.0"},                            // PreResNet, WideResNet
    {"fc1", "classifier.1"},        {"fc2", "classifier.4"},    {"fc3", "classifier.6"},   // VGG
    {"conv1", "conv_part.0"},       {"conv2", "conv_part.3"},   {"conv3", "conv_part.6"},  // ConvFC
    {"fc4", "fc_part.0"},           {"fc5", "fc_part.2"},       {"fc6", "fc_part.4"},
};

// The last layer of a network, and the way around a block.
constexpr std::array<std::string_view, 4> heads{"linear", "fc", "classifier", "head"};
constexpr std::array<std::string_view, 2> shortcuts{"shortcut", "downsample"};

Words split(std::string_view name) {
    Words words;
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        words.emplace_back(name.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

int number_in(std::string_view word) {
    int number = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return error == std::errc() && end == word.data() + word.size() ? number : -1;
}

// "layer3" gives 3, other words -1.
int stage_of(std::string_view word) {
    return word.starts_with("layer") ? number_in(word.substr(5)) : -1;
}

bool is_in_block(const Words& words) {
    return words.size() >= 4 && stage_of(words[0]) > 0 && number_in(words[1]) >= 0;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view word) {
    return std::find(names.begin(), names.end(), word) != names.end();
}

// layer2.0.downsample.0.weight, fc.weight: torchvision and what follows it.
void add_torchvision(const Words& words, std::vector<Words>& out) {
    if (words.size() == 2 && is_one_of(heads, words[0])) {
        for (const std::string_view head : heads) out.push_back({std::string(head), words[1]});
    }
    if (is_in_block(words) && is_one_of(shortcuts, words[2])) {
        for (const std::string_view shortcut : shortcuts) {
            out.push_back(words);
            out.back()[2] = shortcut;
        }
    }
}

// conv1.0.weight, conv3_x.0.residual_function.3.weight: github.com/weiaicunzai/pytorch-cifar100, models/resnet.py.
void add_weiaicunzai(const Words& words, std::vector<Words>& out) {
    if (words.size() == 2 && words[0] == "conv1") out.push_back({"conv1", "0", words[1]});
    if (words.size() == 2 && words[0] == "bn1") out.push_back({"conv1", "1", words[1]});
    if (!is_in_block(words)) return;
    const std::string stage = cat("conv", stage_of(words[0]) + 1, "_x");
    if (words[2] == "shortcut") {
        out.push_back(words);
        out.back()[0] = stage;
        return;
    }
    const bool is_convolution = words[2].starts_with("conv"), is_norm = words[2].starts_with("bn");
    const int place = is_convolution ? number_in(words[2].substr(4)) : is_norm ? number_in(words[2].substr(2)) : -1;
    if (place >= 1) out.push_back({stage, words[1], "residual_function", std::to_string(3 * (place - 1) + (is_norm ? 1 : 0)), words[3]});
}

// conv.weight, stage2.block1.shortcut.conv.weight: github.com/hysts/pytorch_image_classification, models/cifar/resnet.py.
void add_hysts(const Words& words, std::vector<Words>& out) {
    if (words.size() == 2 && (words[0] == "conv1" || words[0] == "bn1")) out.push_back({words[0].substr(0, words[0].size() - 1), words[1]});
    if (!is_in_block(words)) return;
    Words theirs = words;
    theirs[0] = cat("stage", stage_of(words[0]));
    theirs[1] = cat("block", number_in(words[1]) + 1);
    if (words[2] == "shortcut" && words.size() == 5) theirs[3] = words[3] == "0" ? "conv" : "bn";
    out.push_back(std::move(theirs));
}

// Number of modules in a torchvision VGG's features before those of block `block`, where a convolution takes `step` places.
int features_before(int block, int step, int modules_each, const Network& network) {
    std::set<std::pair<int, int>> modules;  // (block, place) of ours
    for (const TensorSpec& spec : network.space.parameters) {
        const Words words = split(spec.name);
        if (words.size() == 4 && words[0] == "layer_blocks" && number_in(words[1]) < block)
            modules.emplace(number_in(words[1]), number_in(words[2]));
    }
    return static_cast<int>(modules.size()) / modules_each * step + block;  // a pool after each block
}

// features.0.weight, classifier.0.weight: torchvision's VGG and github.com/chenyaofo/pytorch-cifar-models. Ours has its dropout elsewhere.
void add_vgg(const Words& words, const Network& network, std::vector<Words>& out) {
    if (words.size() == 3 && words[0] == "classifier" && (words[1] == "1" || words[1] == "4"))
        out.push_back({words[0], std::to_string(number_in(words[1]) - 1), words[2]});
    if (words.size() != 4 || words[0] != "layer_blocks") return;
    const int modules_each = network.space.states.empty() ? 1 : 2, step = modules_each + 1;  // convolution, (norm,) ReLU
    const int place = number_in(words[2]), block = number_in(words[1]);
    const int feature = features_before(block, step, modules_each, network) + place / modules_each * step + place % modules_each;
    out.push_back({"features", std::to_string(feature), words[3]});
}

}  // namespace

std::vector<std::string> other_names(const std::string& name, const Network& network) {
    const Words words = split(name);
    std::vector<Words> found;
    add_torchvision(words, found);
    add_weiaicunzai(words, found);
    add_hysts(words, found);
    add_vgg(words, network, found);
    std::vector<std::string> names;
    for (const Words& theirs : found) names.push_back(join(theirs, "."));
    return names;
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
