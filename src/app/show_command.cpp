#include "curve_report.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/network.hpp"
#include "orograph/survey/surface_file.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <limits>

namespace orograph::app {

namespace {

using survey::PointStatus;
using survey::Surface;

void print_counts(const Surface& surface) {
    std::cout << "points     " << surface.schema.grid.size() << ": " << surface.count(PointStatus::done) << " done, "
              << surface.count(PointStatus::non_finite) << " non-finite, " << surface.count(PointStatus::failed) << " failed, "
              << surface.count(PointStatus::pending) << " pending\n";
}

void print_axes(const Surface& surface) {
    for (const auto& axis : surface.schema.grid.axes()) {
        std::cout << "axis " << axis.name << "     " << axis.coordinates.size() << " values from " << shortest(axis.coordinates.front())
                  << " to " << shortest(axis.coordinates.back()) << "\n";
    }
    for (const auto& direction : surface.schema.directions) {
        std::cout << "direction " << direction.axis;
        for (const auto& [key, value] : direction.attributes) std::cout << " " << key << "=" << value;
        std::cout << ", " << direction.tensors.size() << " tensors\n";
    }
}

std::string place_of(const Surface& surface, std::int64_t point) {
    std::vector<std::string> words;
    for (const double value : surface.schema.grid.coordinates(survey::PointIndex{point})) words.push_back(shortest(value));
    return "(" + join(words) + ")";
}

void print_field(const Surface& surface, std::size_t field) {
    double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
    std::int64_t at_lowest = -1, at_highest = -1;
    for (std::size_t point = 0; point < surface.values[field].size(); ++point) {
        const double value = surface.values[field][point];
        if (!std::isfinite(value)) continue;
        if (value < lowest) lowest = value, at_lowest = static_cast<std::int64_t>(point);
        if (value > highest) highest = value, at_highest = static_cast<std::int64_t>(point);
    }
    const auto& name = surface.schema.fields[field].name;
    std::cout << name << std::string(name.size() < 10 ? 11 - name.size() : 1, ' ');
    if (at_lowest < 0) {
        std::cout << "no finite value\n";
        return;
    }
    std::cout << "min " << shortest(lowest) << " at " << place_of(surface, at_lowest) << ", max " << shortest(highest) << " at "
              << place_of(surface, at_highest) << " " << surface.schema.fields[field].units << "\n";
}

// A line for each network that a configuration can name, for 10 classes and images of [3, 32, 32].
void print_architectures() {
    std::size_t width = 0;
    for (const auto& name : model::known_architectures()) width = std::max(width, name.size());
    const auto print = [width](const auto& name, const auto& parameters, const auto& multiply_adds, const auto& paper) {
        std::cout << std::left << std::setw(static_cast<int>(width)) << name << std::right << std::setw(12) << parameters << std::setw(15)
                  << multiply_adds << "  " << paper << "\n";
    };
    print("name", "parameters", "multiply-adds", "paper");
    for (const auto& name : model::known_architectures()) {
        const auto network = model::build_network(name, 3, 10);
        print(name, network.space.parameter_count(), network.multiply_adds(), model::paper_of(name));
    }
}

void show_surface(const std::string& path) {
    const auto surface = survey::read_surface(path);
    std::cout << surface.schema.title << "\n";
    print_counts(surface);
    print_axes(surface);
    for (std::size_t field = 0; field < surface.schema.fields.size(); ++field) print_field(surface, field);
    if (is_complete_curve(surface)) std::cout << curve_table(surface);
    for (const auto& [key, value] : surface.schema.provenance) {
        if (key != "configuration") std::cout << key << std::string(key.size() < 10 ? 11 - key.size() : 1, ' ') << value << "\n";
    }
    std::cout << "fingerprints\n";
    for (const auto& [key, value] : surface.schema.fingerprints) std::cout << "  " << key << ": " << value << "\n";
}

}  // namespace

void show(const std::string& what) {
    if (what == "architectures")
        print_architectures();
    else
        show_surface(what);
}

void verify_surface(const std::string& path) {
    const auto surface = survey::read_surface(path);
    print_counts(surface);
    const auto computed = surface.schema.grid.size() - surface.count(PointStatus::pending);
    for (const auto point : surface.damaged)
        std::cout << "damaged    point " << static_cast<std::int64_t>(point) << " at "
                  << place_of(surface, static_cast<std::int64_t>(point)) << "\n";
    OROGRAPH_VALIDATE(surface.damaged.empty(), ExitCode::data, path, ": ", surface.damaged.size(), " of ", computed,
                      " computed points do not fit their checksum; run the job again on this file and it computes them anew");
    std::cout << "intact     " << computed << " checksums fit\n";
}

}  // namespace orograph::app
