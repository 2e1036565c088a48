#pragma once

#include "orograph/h5/file.hpp"
#include "orograph/survey/surface_file.hpp"

#include <string>

// The names and shapes in a surface file, as docs/design/surface-file.md lists them. Private to survey.
namespace orograph::survey {

inline constexpr std::int32_t surface_format = 1;
inline constexpr std::size_t max_attribute_bytes = 1024;  // longer provenance becomes a dataset

// The dataset of an axis's coordinates: "xcoordinates" and "ycoordinates" as Li et al. call them, else the axis's own name ("t").
std::string coordinates_name(const std::string& axis_name);

std::vector<std::int64_t> shape_of(const Grid& grid);

// What /crc32 holds for a point: CRC-32 of its number (int64), its values (float64, in the order of the fields), its status (uint8).
std::uint32_t checksum(PointIndex point, std::span<const double> record, PointStatus status);

// Serial. Everything in the file, all points pending. Error(io).
void write_schema(h5::Group root, const SurfaceSchema& schema);

// Serial. Error(data).
SurfaceSchema read_schema(const h5::Group& root);

// The first item in which a job with `ours` does not belong to a file with `theirs`: "data (fingerprint 12ab; this job has 34cd)"; empty
// where it does.
std::string first_difference(const SurfaceSchema& theirs, const SurfaceSchema& ours);

}  // namespace orograph::survey
