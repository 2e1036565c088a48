#pragma once

#include "orograph/model/network.hpp"

#include <string>
#include <vector>

namespace orograph::model {

// What widely used programs call a tensor of `network`, where their networks are the same but for the names of layers: torchvision's names
// (chenyaofo, bearpaw), those of weiaicunzai, hysts, and torchvision's VGG.
std::vector<std::string> other_names(const std::string& name, const Network& network);

}  // namespace orograph::model
