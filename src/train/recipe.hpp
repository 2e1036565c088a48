#pragma once

#include "orograph/train/trainer.hpp"

namespace orograph::train {

// Error(config) that names the key which is wrong.
void validate(const Recipe& recipe);

}  // namespace orograph::train
