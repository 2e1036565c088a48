#pragma once

#include "checkpoint.hpp"
#include "state_names.hpp"
#include "weights_source.hpp"

#include "orograph/model/network.hpp"

namespace orograph::model {

// One state_dict of a checkpoint for one network.
struct ChosenState {
    std::string key;  // where it is in the checkpoint; empty at the top
    NamedTensors named;
};

// The state_dict that the source names, else the only one there is, else the one whose tensors are the network's, else, of several such,
// the one under the most usual key (said in the log); where none fits, the one that comes nearest. Error(data) where there is none, where
// two are equally good, where a curve's bend is not chosen, or is chosen and not there.
ChosenState choose_state(const Checkpoint& checkpoint, const WeightsSource& source, const Network& network);

}  // namespace orograph::model
