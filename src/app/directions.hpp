#pragma once

#include "inputs.hpp"

namespace orograph::app {

// first, last, count; times `scale`.
survey::Axis axis_of(const char* name, const std::vector<double>& range, double scale = 1);

// Fill in directions and axes of a line or a plane about inputs.weights.
void load_directions(const Config& config, Inputs& inputs);

// The plane through three points: centre, directions, axes in distances, and the places of the points and of the curve that is shown, whose
// points the plane's are where the configuration names no others.
void load_plane(const Config& config, Inputs& inputs);

}  // namespace orograph::app
