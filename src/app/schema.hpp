#pragma once

#include "inputs.hpp"

namespace orograph::app {

// What the surface file records of a job, with every item that must be equal for a job to go on with the file. `evaluator` is
// evaluate::Evaluator::identity(), options.batch its batch; of its parts those that a user can set are items of their own, so that a
// refusal names the key.
survey::SurfaceSchema schema_of(const Config& config, const Inputs& inputs, const std::vector<landscape::Field>& fields,
                                const evaluate::Options& options, const std::string& evaluator);

}  // namespace orograph::app
