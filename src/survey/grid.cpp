#include "orograph/survey/grid.hpp"

#include "orograph/core/error.hpp"

#include <cmath>
#include <limits>

namespace orograph::survey {

// Weighs both ends, so that an axis symmetric about 0 has exactly mirrored coordinates and an exact 0. Error(config): count below 1, an end or a step that is not finite.
Axis linear_axis(std::string name, double first, double last, std::int64_t count) {
    OROGRAPH_VALIDATE(count >= 1, ExitCode::config, "grid axis ", name, " has ", count, " points; give it at least 1");
    OROGRAPH_VALIDATE(std::isfinite(first) && std::isfinite(last), ExitCode::config, "grid axis ", name, " reaches from ", first, " to ", last,
                      "; both must be finite numbers");
    Axis axis{std::move(name), std::vector<double>(static_cast<std::size_t>(count), first)};
    const double steps = static_cast<double>(count - 1);
    for (std::int64_t i = 1; i < count; ++i) {
        const double done = static_cast<double>(i);
        axis.coordinates[i] = (first * (steps - done) + last * done) / steps;
        OROGRAPH_VALIDATE(std::isfinite(axis.coordinates[i]), ExitCode::config, "grid axis ", axis.name, " overflows between ", first, " and ", last,
                          "; choose smaller ends");
    }
    if (count > 1) axis.coordinates.back() = last;
    return axis;
}

// Error(config): no axis, an empty axis, more than 2^63 - 1 points.
Grid::Grid(std::vector<Axis> axes) : axes_(std::move(axes)) {
    OROGRAPH_VALIDATE(!axes_.empty(), ExitCode::config, "the grid has no axis; give it at least x");
    for (const auto& axis : axes_) {
        const auto count = static_cast<std::int64_t>(axis.coordinates.size());
        OROGRAPH_VALIDATE(count > 0, ExitCode::config, "grid axis ", axis.name, " has no points; give it at least 1");
        OROGRAPH_VALIDATE(size_ <= std::numeric_limits<std::int64_t>::max() / count, ExitCode::config, "the grid has more points than can be numbered at axis ",
                          axis.name, "; choose fewer");
        size_ *= count;
    }
}

// One coordinate an axis, in the order of axes(); 0 <= point < size().
std::vector<double> Grid::coordinates(PointIndex point) const {
    auto rest = static_cast<std::int64_t>(point);
    OROGRAPH_EXPECT(rest >= 0 && rest < size_);
    std::vector<double> result(axes_.size());
    for (std::size_t a = axes_.size(); a-- > 0;) {
        const auto count = static_cast<std::int64_t>(axes_[a].coordinates.size());
        result[a] = axes_[a].coordinates[static_cast<std::size_t>(rest % count)];
        rest /= count;
    }
    return result;
}

}  // namespace orograph::survey
