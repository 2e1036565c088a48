#pragma once

#include "inputs.hpp"

#include "orograph/landscape/measurement.hpp"

#include <memory>

namespace orograph::app {

// The weights that the job asks for: of a curve's t, of a line's x, of a plane's x and y.
std::unique_ptr<landscape::Parametrisation> make_parametrisation(const Inputs& inputs, at::Device device);

// What the job measures there, on the images of `dataset`.
std::unique_ptr<landscape::Measurement> make_measurement(const Inputs& inputs, const data::Dataset& dataset,
                                                         std::unique_ptr<evaluate::Evaluator> evaluator, const evaluate::Options& options,
                                                         int shard, int shards);

// Its fields, without making it.
std::vector<landscape::Field> measured_fields(const Inputs& inputs, evaluate::Loss loss);

}  // namespace orograph::app
