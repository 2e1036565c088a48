#pragma once

#include "resources.hpp"

#include "orograph/app/config.hpp"
#include "orograph/train/trainer.hpp"

namespace orograph::app {

// The part of a configuration that shapes results, as text: not where a job lives, nor on how many cores.
std::string shaping_text(Config config);

train::Recipe recipe_of(const TrainSection& section);

// Trains as the configuration (of job train) says, in its output.folder, from where that stands. Collective over `team`: its ranks share
// each batch. What the data, the weights or the folder lack is thrown on all of them.
train::Outcome train_network(const par::Communicator& team, const Config& config, const Resources& resources,
                             const std::function<bool()>& stop);

}  // namespace orograph::app
