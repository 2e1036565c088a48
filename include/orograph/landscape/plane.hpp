#pragma once

#include "orograph/landscape/direction.hpp"

#include <array>

namespace orograph::landscape {

// The plane through three points of weight space, w0, w1 and w2, over all parameters (Garipov et al. 2018, sec. 3 and figure 1).
// Coordinates are distances from w0 along u = (w2 - w0) / |w2 - w0| and v, the unit vector of what Gram-Schmidt leaves of w1 - w0.
struct Plane {
    Direction u, v;
    double width = 0;  // |w2 - w0|: w2 lies at (width, 0)
    double shift = 0;  // w1 lies at (shift, height)
    double height = 0;
};

// CPU. Inner products in float64, u and v rounded to float32 once. `x` and `y` say where w2 and w1 come from. Error(config): two points are
// the same or the three lie on a line, as far as float32 can tell.
Plane plane_through(const model::Weights& w0, const model::Weights& w1, const model::Weights& w2, const DirectionSpec& x,
                    const DirectionSpec& y);

// The coordinates of `weights`, projected on the plane about w0.
std::array<double, 2> place_in(const Plane& plane, const model::Weights& w0, const model::Weights& weights);

}  // namespace orograph::landscape
