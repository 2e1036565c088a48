#pragma once

#include "state_reading.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace orograph::model {

struct ArchitectureSearch {
    ReadingChoice choice;
    std::optional<std::string> place;  // where the tensors must be (Reading::place); absent: anywhere
    std::size_t more_than = 0;         // so many tensors they must have
    bool is_exact = false;             // whether nothing but single numbers may be left over
};

// The known architectures other than the network's, for its channels and classes, whose tensors are all in the dict; of these those with
// the most tensors. Empty where there is none, or too many tensors to look for it.
std::vector<std::string> find_architectures(const StateDict& dict, const Network& network, const ArchitectureSearch& search);

}  // namespace orograph::model
