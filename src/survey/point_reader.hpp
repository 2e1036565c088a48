#pragma once

#include "surface_layout.hpp"

namespace orograph::survey {

// Consecutive points as a file holds them.
struct PointBlock {
    std::int64_t first = 0;
    std::vector<std::vector<double>> values;  // by field
    std::vector<std::uint8_t> statuses;
    std::vector<std::uint32_t> crcs;

    std::int64_t size() const { return static_cast<std::int64_t>(statuses.size()); }
    PointStatus status(std::int64_t point) const;
    // Computed, and its status byte or values are not what the checksum was made of.
    bool damaged(std::int64_t point) const;
};

// The points of a surface file, a block at a time. `schema` is what read_schema() found in it. Serial. Error(data).
class PointReader {
public:
    PointReader(const h5::Group& root, const SurfaceSchema& schema);
    PointBlock read(std::int64_t first, std::int64_t count) const;

private:
    std::vector<h5::Dataset> fields_;
    h5::Dataset crcs_, status_;
};

}  // namespace orograph::survey
