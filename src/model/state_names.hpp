#pragma once

#include "torch_archive.hpp"

#include "orograph/model/network.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace orograph::model {

// A state_dict's tensors under the names of the network that they are for.
struct NamedTensors {
    std::map<std::string, const StoredTensor*> tensors;
    std::int64_t bends = 0;  // of the curve that the state_dict is; 0: it is none
};

// Takes off what wrappers add to names: "module" (DataParallel) and "_orig_mod" (torch.compile) anywhere, a first word such as "model" that
// all names share and none of `expected` begins with. A curve (Garipov et al. 2018: <layer>.weight_0, .weight_1 ... for its bends) gives
// the tensors of bend `bend`, under the names of the network that it was made of. Fault where two tensors come to one name.
NamedTensors name_tensors(const StateDict& dict, const std::set<std::string>& expected, std::int64_t bend);

// The reverse for a tensor of `network`: its name in a curve without the bend's number, "layer1.0.shortcut.weight" for
// "layer1.0.shortcut.0.weight".
std::string curve_name(const std::string& name, const Network& network);

}  // namespace orograph::model
