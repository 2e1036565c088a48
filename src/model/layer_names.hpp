#pragma once

#include "orograph/model/network.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace orograph::model {

// A word that a wrapper puts into names: "module" (DataParallel, AveragedModel), "_orig_mod" (torch.compile), "_fsdp_wrapped_module" ...
bool is_wrapper(std::string_view word);

// The name of a count or total that takes no part in the network: num_batches_tracked, n_averaged, thop's total_ops ...
bool is_counter(std::string_view name);

// The name without wrappers' words.
std::string without_wrappers(std::string_view name);

enum class Naming {
    module,  // as in a state_dict of the network's module
    curve    // as in a curve of it (Garipov et al. 2018), without the bends' numbers
};

// The names that the tensors of a network may have in a file, without wrappers' words (bare()): its own, and those of the same layers in
// widely used programs.
class NameIndex {
public:
    struct Hit {
        std::size_t tensor = 0;  // of tensors()
        bool is_alias = false;
    };

    NameIndex(const Network& network, Naming naming);

    const Hit* find(std::string_view name) const;
    // Of the longest of all these names.
    std::size_t most_words() const { return most_words_; }
    // A name of a file without wrappers' words; as it is, where words of that kind tell the network's own tensors apart.
    std::string bare(std::string_view name) const { return keeps_wrappers_ ? std::string(name) : without_wrappers(name); }
    // Parameters, then states.
    const std::vector<const TensorSpec*>& tensors() const { return tensors_; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using Names = std::unordered_map<std::string, Hit, Hash, std::equal_to<>>;

    bool add(const std::string& name, Hit hit);
    void add_own_names();
    void add_aliases(const Network& network, Naming naming);

    std::vector<const TensorSpec*> tensors_;
    Names names_;
    std::size_t most_words_ = 0;
    bool keeps_wrappers_ = false;
};

// The reverse of a curve's names for a tensor of `network`: its name in a curve without the bend's number, "layer1.0.shortcut.weight" for
// "layer1.0.shortcut.0.weight".
std::string curve_name(const std::string& name, const Network& network);

}  // namespace orograph::model
