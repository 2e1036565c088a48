#pragma once

#include "stored_tensor.hpp"

#include <span>
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
    std::vector<StoredTensor> tensors;
    std::vector<StateDict> dicts;   // the outer ones first
    std::vector<std::string> keys;  // at the top
};

// Reads what torch.save (PyTorch 1.6 and later) wrote: a zip archive of one pickle and the storages. Fault for everything else.
StateDicts read_torch_archive(std::span<const std::byte> file);

}  // namespace orograph::model
