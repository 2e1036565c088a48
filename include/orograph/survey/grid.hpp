#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace orograph::survey {

// A point's number: row-major over the axes, the last one fastest, so that cell [i, j] of a surface is point i * ny + j.
enum class PointIndex : std::int64_t {};

// Points [first, last).
struct PointRange {
    std::int64_t first = 0, last = 0;
    std::int64_t size() const { return last - first; }
};

struct Axis {
    std::string name;  // "x", "y" (Li et al.'s xcoordinates and ycoordinates in the file), "t", or what a sweep varies
    std::vector<double> coordinates;
};

// `count` equally spaced values from first to last, both included and exact; 1: first alone.
Axis linear_axis(std::string name, double first, double last, std::int64_t count);

class Grid {
public:
    explicit Grid(std::vector<Axis> axes);
    const std::vector<Axis>& axes() const { return axes_; }
    std::int64_t size() const { return size_; }
    std::vector<double> coordinates(PointIndex point) const;

private:
    std::vector<Axis> axes_;
    std::int64_t size_ = 1;
};

}  // namespace orograph::survey
