#pragma once

#include "checkpoint.hpp"
#include "state_reading.hpp"
#include "weights_source.hpp"

#include "orograph/model/network.hpp"

#include <string>
#include <vector>

namespace orograph::model {

// One reading of one state_dict of a checkpoint for one network.
struct ChosenState {
    const StateDict* dict = nullptr;
    Reading reading;
    std::vector<std::string> larger;  // architectures that take the same tensors and more of those beside them

    // Whether these are layers of another network, which holds this one.
    bool is_part() const { return !larger.empty() || !reading.in_blocks.empty(); }
};

// The state_dict that the source names, else the only one there is, else the one that holds the network's tensors, else, of several such,
// the one under the most usual key (said in the log); where none fits, the one that comes nearest. Error(data) where there is none, where
// two are equally good, where several readings of one fit, where a curve's bend is not chosen, or is chosen and not there.
ChosenState choose_state(const Checkpoint& checkpoint, const WeightsSource& source, const Network& network);

}  // namespace orograph::model
