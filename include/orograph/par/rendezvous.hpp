#pragma once

#include "orograph/par/communicator.hpp"

namespace orograph::par {

// Collective over comm where it can be: true once every rank has called it, false where some have not within timeout_s. After false no further collective is possible: abort().
bool all_arrive(const Communicator& comm, double timeout_s);

}  // namespace orograph::par
