#pragma once

#include "placement.hpp"

#include "orograph/app/config.hpp"
#include "orograph/evaluate/evaluator.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/process_grid.hpp"

#include <c10/core/Device.h>

namespace orograph::app {

// What this rank computes with.
struct Resources {
    int threads = 1;
    at::Device device = at::kCPU;
    std::vector<RankCores> cores;  // of all ranks
};

// Which of the `count` GPUs that this rank sees it takes; `node`: the ranks of its node.
int device_index(const par::Communicator& node, int count);

// Collective over world. threads 0: the cores this rank may use, divided among the ranks of this node that may use the same ones.
// Cores that a launcher leaves idle get a warning. Device auto: a GPU where there is one. GPUs are dealt out by the rank's position on its
// node. Error(unavailable) where device: cuda finds none.
Resources choose_resources(const par::Communicator& world, const RunSection& run);

// Collective over world: all ranks compute with one instruction set. Error(unavailable) where a rank's CPU does not have it.
evaluate::Options evaluate_options(const par::Communicator& world, const EvaluateSection& section, const Resources& resources);

}  // namespace orograph::app
