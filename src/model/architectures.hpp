#pragma once

#include "builder.hpp"

#include <functional>
#include <string>
#include <vector>

namespace orograph::model {

// One entry of the table of known architectures.
struct Architecture {
    std::string name;
    std::string paper;  // where it is described; the last one gave the tensors their names
    std::function<void(NetworkBuilder&)> assemble;
};

// The networks of Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets".
std::vector<Architecture> li_architectures();

// The networks of Garipov et al. 2018, "Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs".
std::vector<Architecture> garipov_architectures();

}  // namespace orograph::model
