#pragma once

#include "orograph/survey/surface_file.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace orograph::survey {

// Li et al.'s direction file: HDF5, one group a direction ("xdirection", "ydirection"), float32 datasets "0", "1", ... in parameter order.
// Serial. Error(no_input), Error(data): not HDF5, group missing, links that are not hard, external storage, other types, larger than the file.
std::vector<StoredTensor> read_direction_file(const std::filesystem::path& path, const std::string& group);

struct NamedDirection {
    std::string group;
    std::vector<StoredTensor> tensors;
};
void write_direction_file(const std::filesystem::path& path, const std::vector<NamedDirection>& directions);

// Writes `surface` as Li et al.'s tool stores it: xcoordinates, ycoordinates, and each field as [j, i] = f(x_i, y_j), which is what their plotting expects; -1 where not computed.
void write_li_surface(const std::filesystem::path& path, const Surface& surface);

}  // namespace orograph::survey
