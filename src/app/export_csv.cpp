#include "export_formats.hpp"

#include "orograph/core/text.hpp"

namespace orograph::app {

std::string to_csv(const survey::Surface& surface) {
    std::string out;
    for (const auto& axis : surface.schema.grid.axes()) out += axis.name + ",";
    for (const auto& field : surface.schema.fields) out += field.name + ",";
    out += "status\n";
    for (std::int64_t point = 0; point < surface.schema.grid.size(); ++point) {
        for (const double value : surface.schema.grid.coordinates(survey::PointIndex{point})) out += shortest(value) + ",";
        const auto status = surface.statuses[static_cast<std::size_t>(point)];
        for (const auto& values : surface.values) {
            out += (status == survey::PointStatus::pending ? "" : shortest(values[static_cast<std::size_t>(point)])) + ",";
        }
        out += std::to_string(static_cast<int>(status)) + "\n";
    }
    return out;
}

}  // namespace orograph::app
