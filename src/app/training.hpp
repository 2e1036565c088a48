#pragma once

#include "resources.hpp"

#include "orograph/app/config.hpp"
#include "orograph/train/trainer.hpp"

namespace orograph::app {

train::Recipe recipe_of(const TrainSection& section);

// Trains as the configuration (of job train) says, in its output.folder, from where that stands. Collective over `team`: its ranks share
// each batch. What the data, the weights or the folder lack is thrown on all of them.
train::Outcome train_network(const par::Communicator& team, const Config& config, const Resources& resources,
                             const std::function<bool()>& stop);

}  // namespace orograph::app
