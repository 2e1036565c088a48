#pragma once

#include <span>

namespace orograph::landscape {

// Of one quantity at the sampled points v_0 ... v_(T-1) of a curve: least, largest and mean value, and the mean over the curve's length
// sum_i 0.5 (v_(i-1) + v_i) dl_i / sum_i dl_i (Garipov et al. 2018, their eval_curve.py). Not-a-number where a value is; the last one too
// where the curve has no length.
struct CurveSummary {
    double min = 0, max = 0, avg = 0, integral = 0;
};

// dl: the distance of each point from the one before, 0 at the first; as many as values, at least one.
CurveSummary summarise(std::span<const double> values, std::span<const double> dl);

double curve_length(std::span<const double> dl);

}  // namespace orograph::landscape
