#pragma once

#include "orograph/landscape/direction.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace orograph::landscape {

// Scales one tensor of a direction against the weights of the same tensor (both in C order, of `shape`) as Li et al. 2018, sec. 4, and
// their code do:
//   filter   d_k |w_k| / (|d_k| + 1e-10) for each slice k of dimension 0        layer   d |w| / |d|        weight   d w
//   dfilter  d_k / (|d_k| + 1e-10)                                              dlayer  d / |d|            none     d
// A tensor with at most one dimension follows `ignore`; where that is none, filter and dfilter treat it as layer and dlayer do. Norms in
// float64.
void normalize_tensor(std::span<float> direction, std::span<const float> weights, const std::vector<std::int64_t>& shape, Normalize rule,
                      Ignore ignore);

}  // namespace orograph::landscape
