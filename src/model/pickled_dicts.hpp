#pragma once

#include "pickled_tensors.hpp"
#include "stored_tensor.hpp"

#include "orograph/core/pickle.hpp"

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orograph::model {

// A dict of a checkpoint that holds named tensors. What else it holds (epoch numbers, say) is left out.
struct StateDict {
    std::string key;  // "state_dict", "models.net"; empty at the top
    std::vector<std::pair<std::string_view, const StoredTensor*>> tensors;
};

// What a checkpoint holds, as views into its bytes, which the holder of this keeps.
struct StateDicts {
    std::deque<StoredTensor> tensors;
    std::vector<StateDict> dicts;     // the outer ones first
    std::vector<std::string> keys;    // at the top
    std::vector<std::string> makers;  // of objects at the top, "models.resnet.ResNet"
    std::deque<std::string> texts;    // names that the pickle writes with escapes
};

// Every dict of named tensors in a pickle, at the top or under keys that are text; a list or tuple at the top counts as a dict with keys 0,
// 1
// ... Objects are stepped over, whatever they are. Fault for a tensor that is damaged, and where there is nothing but an object.
StateDicts find_state_dicts(pickle::Tree tree, const StorageLookup& lookup);

}  // namespace orograph::model
