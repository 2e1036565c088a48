#pragma once

#include "orograph/model/network.hpp"

namespace orograph::model {

// Logs, once in the process for each architecture, which other networks' checkpoints would load into it just as well: nothing in a file
// tells them apart.
void note_same_tensors(const Network& network);

}  // namespace orograph::model
