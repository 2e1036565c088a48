#pragma once

#include "orograph/par/communicator.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace orograph::app {

// Where a rank runs, and the widest instruction set there (core's instruction_set()).
struct RankCpu {
    std::string host, instruction_set;
};

// Collective over world. One a rank.
std::vector<RankCpu> gather_cpus(const par::Communicator& world);

// evaluate::Options::instruction_set of rank `rank`, so that all ranks round alike: `asked`, or for "auto" rank 0's widest. Empty where
// that is the rank's own widest. Every rank throws the same Error(unavailable) where one CPU does not have it.
std::string choose_instruction_set(const std::string& asked, std::span<const RankCpu> cpus, std::size_t rank);

// Collective over world. Error(config) where a rank's evaluator has another identity than rank 0's, its back end's version for example: the
// digits of one file would differ from point to point.
void require_equal_evaluators(const par::Communicator& world, const std::string& identity);

}  // namespace orograph::app
