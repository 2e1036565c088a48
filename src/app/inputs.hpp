#pragma once

#include "curve_source.hpp"

#include "orograph/app/config.hpp"
#include "orograph/data/dataset.hpp"
#include "orograph/evaluate/evaluator.hpp"
#include "orograph/landscape/direction.hpp"
#include "orograph/landscape/measurement.hpp"
#include "orograph/survey/grid.hpp"
#include "orograph/survey/surface_file.hpp"

#include <optional>
#include <vector>

namespace orograph::app {

// What a configuration names, loaded and checked against each other. CPU. Not collective: every rank loads its own.
struct Inputs {
    data::Dataset dataset;
    model::Network network;
    model::Weights weights;                        // curve: of its first point
    std::string weights_source;                    // for people
    std::vector<landscape::Direction> directions;  // surface, line: x, or x and y
    std::optional<LoadedCurve> curve;              // curve
    std::vector<survey::Axis> axes;                // surface, line, curve
    std::optional<landscape::Recalibration> recalibration;
    std::vector<survey::StoredArray> places;  // of points and a curve in a plane
};

data::Source source_of(const DataSection& section);

// Data, network (its channels and classes follow the data), weights, directions. Throws as the loaders do.
Inputs load_inputs(const Config& config);

// The options with the evaluator that evaluate.evaluator auto stands for: compiled, or reference where the network does not fit, which is
// logged with the operator at fault.
evaluate::Options fitting_options(evaluate::Options options, const EvaluateSection& section, const model::Network& network);

}  // namespace orograph::app
