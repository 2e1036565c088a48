#include "orograph/landscape/curve_summary.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace orograph::landscape {

CurveSummary summarise(std::span<const double> values, std::span<const double> dl) {
    OROGRAPH_EXPECT(!values.empty() && values.size() == dl.size());
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if (std::ranges::any_of(values, [](double value) { return std::isnan(value); })) return {nan, nan, nan, nan};
    double area = 0;
    for (std::size_t i = 1; i < values.size(); ++i) area += 0.5 * (values[i - 1] + values[i]) * dl[i];
    const auto [least, largest] = std::ranges::minmax(values);
    return {least, largest, std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()),
            area / curve_length(dl)};
}

double curve_length(std::span<const double> dl) {
    return std::accumulate(dl.begin(), dl.end(), 0.0);
}

}  // namespace orograph::landscape
