#pragma once

#include "layer_names.hpp"
#include "pickled_dicts.hpp"

#include "orograph/model/network.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace orograph::model {

// One way to take a state_dict's tensors for those of a network: which of them, under which names.
struct Reading {
    std::string place;   // what the names begin with, without wrappers' words: "student."; it tells readings apart
    std::string prefix;  // the same as the file has it: "module.student."; after FILE#prefix= it chooses this reading
    std::map<std::string, const StoredTensor*>
        tensors;                         // by the network's names; what else is under the prefix by its own, without counters
    std::size_t fitting = 0;             // of the network's tensors those that are there in name and shape
    bool is_complete = false;            // all of them
    std::vector<std::string> left_over;  // names in the file of tensors that are neither the network's nor counters
    std::vector<std::string> in_blocks;  // of these the matrices and convolutions that are in modules of the network's
    std::vector<std::pair<std::string, std::string>> renamed;  // a name in the file, the network's
    std::string twice;                                         // which two of its tensors could be the same of the network's; empty: none
    std::int64_t bends = 0;                                    // of the curve that the state_dict is; 0: it is none
};

// Which tensors of a state_dict are asked for.
struct ReadingChoice {
    std::optional<std::string> prefix;
    std::int64_t bend = 0;
};

// No more complete readings than this are told.
constexpr std::size_t most_readings = 8;

// All readings that are complete (the first most_readings), or else the one that comes nearest. A prefix is whatever names begin with;
// wrappers' words count nowhere. A chosen prefix that is complete as it stands is the only one; else it may go on. Fault where no name
// begins with it.
std::vector<Reading> find_readings(const StateDict& dict, const Network& network, const ReadingChoice& choice);

}  // namespace orograph::model
