#pragma once

#include "orograph/survey/surface_file.hpp"

#include <string>
#include <vector>

namespace orograph::app {

// Whether `surface` is of job curve, with every point computed.
bool is_complete_curve(const survey::Surface& surface);

// Of a complete curve: min, max, avg and int of each field (landscape::CurveSummary), and the length of the curve with dl.
std::vector<survey::FieldAttributes> curve_attributes(const survey::Surface& surface);

// Of a complete curve, the row of Garipov et al.'s tables under its heads: kind, least, largest and mean train loss and test error along
// the curve, length.
std::string curve_table(const survey::Surface& surface);

}  // namespace orograph::app
