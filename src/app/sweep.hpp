#pragma once

#include "orograph/app/config.hpp"
#include "orograph/survey/grid.hpp"

#include <string>
#include <vector>

// A sweep's runs as the points of a survey: an axis for each entry of `over`, which names a key ("model.seed") or several that change
// together ("model.seed,train.seed").
namespace orograph::app {

// Coordinates are the values where they are numbers and differ, else their positions. Error(config): an entry without values, with a value
// twice, or without a key.
survey::Grid sweep_grid(const Config& sweep);

// The configuration (of job train) of each point in order, in a folder of its own under the sweep's. Error(config) where a key or a value
// is none of a training's.
std::vector<Config> sweep_runs(const Config& sweep);

}  // namespace orograph::app
