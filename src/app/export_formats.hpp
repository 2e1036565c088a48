#pragma once

#include "orograph/survey/surface_file.hpp"

#include <cstddef>
#include <string>

namespace orograph::app {

// One line a point: coordinates, fields, status; a value that was not computed is empty.
std::string to_csv(const survey::Surface& surface);

// VTK image data (XML): every field as point data, for evenly spaced axes. NaN where not computed.
std::string to_vti(const survey::Surface& surface);

// VTK poly data (XML): the plane as a height surface z = field, quads between computed finite points; every field as point data.
// Error(data) for a line.
std::string to_vtp(const survey::Surface& surface, std::size_t height_field);

}  // namespace orograph::app
