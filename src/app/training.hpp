#pragma once

#include "inputs.hpp"
#include "resources.hpp"

#include "orograph/app/config.hpp"
#include "orograph/landscape/curve_training.hpp"
#include "orograph/train/trainer.hpp"

namespace orograph::app {

train::Recipe recipe_of(const TrainSection& section);

struct TrainingInputs {
    Inputs inputs;
    std::optional<landscape::CurveStart> curve;  // where a curve is trained
};

// Data, network and where its training starts: weights, or a curve's two ends. Throws as the loaders do; Error(config) without a train
// split.
TrainingInputs load_training(const Config& config);

// Trains as the configuration (of job train) says, in its output.folder, from where that stands. Collective over `team`: its ranks share
// each batch. What the data, the weights or the folder lack is thrown on all of them.
train::Outcome run_training(const par::Communicator& team, const Config& config, const Resources& resources,
                            const std::function<bool()>& stop);

// Seconds of one step of this rank alone on a whole batch.
double measure_step_s(const Config& config, const TrainingInputs& training, const Resources& resources);

}  // namespace orograph::app
