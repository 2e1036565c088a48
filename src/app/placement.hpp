#pragma once

#include "orograph/par/communicator.hpp"
#include "orograph/par/launch.hpp"

#include <span>
#include <string>
#include <vector>

namespace orograph::app {

// The cores of a rank, and what else its host has.
struct RankCores {
    std::string host;
    int node = 0;               // the lowest rank of its host, which tells hosts of one name apart
    int room = 0;               // cores that the job may use on this host
    bool one_core = false;      // one physical core
    std::vector<int> cores;     // its own
    std::vector<int> occupied;  // with the hardware threads beside them
};

// Collective over world. Every rank's, in the order of ranks.
std::vector<RankCores> gather_cores(const par::Communicator& world, const par::Communicator& node);

// The cores of `rank`, divided among the ranks of its host that may use the same ones; at least 1.
int share_of(std::span<const RankCores> ranks, std::size_t rank);

// What each rank of the first host would have of all its cores.
int even_share(std::span<const RankCores> ranks);

// One line for the user where ranks have fewer cores than threads, or one core each, while others of their host idle; empty where there
// is nothing to say. `asked` is run.threads, `bound` what bound the ranks.
std::string placement_warning(std::span<const RankCores> ranks, int asked, const par::Binding& bound);

// A line for each set of cores: which ranks have it.
std::vector<std::string> describe(std::span<const RankCores> ranks);

}  // namespace orograph::app
