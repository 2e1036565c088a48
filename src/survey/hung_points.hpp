#pragma once

#include "orograph/survey/grid.hpp"

#include <filesystem>
#include <map>

namespace orograph::survey {

// How often each point has hung, in PATH.hung beside the surface file at PATH, so that it outlives the jobs that hung: a line a point, its number
// and how often. Serial, under the surface file's lock.
class HungPoints {
public:
    explicit HungPoints(const std::filesystem::path& surface);

    // One more time; returns how often by now. Error(io), Error(cannot_create).
    int note(PointIndex point);
    // Of a complete survey. Nothing where there is no file.
    void remove();

private:
    std::filesystem::path path_;
    std::map<std::int64_t, int> times_;
};

}  // namespace orograph::survey
