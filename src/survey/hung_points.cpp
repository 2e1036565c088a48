#include "hung_points.hpp"

#include "orograph/core/files.hpp"

#include <fstream>
#include <sstream>
#include <system_error>

namespace orograph::survey {

HungPoints::HungPoints(const std::filesystem::path& surface) : path_(surface.string() + ".hung") {
    std::ifstream file(path_);
    std::int64_t point = 0;
    for (int times = 0; file >> point >> times;) times_[point] = times;
}

int HungPoints::note(PointIndex point) {
    const int times = ++times_[static_cast<std::int64_t>(point)];
    std::ostringstream text;
    for (const auto& [number, count] : times_) text << number << ' ' << count << '\n';
    write_file_atomically(path_, text.str());
    return times;
}

void HungPoints::remove() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

}  // namespace orograph::survey
