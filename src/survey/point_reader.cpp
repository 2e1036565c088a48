#include "point_reader.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::survey {

namespace {

constexpr auto last_status = static_cast<std::uint8_t>(PointStatus::failed);

}  // namespace

// A byte that stands for no status counts as failed; its point is damaged.
PointStatus PointBlock::status(std::int64_t point) const {
    return static_cast<PointStatus>(std::min(statuses.at(static_cast<std::size_t>(point - first)), last_status));
}

bool PointBlock::damaged(std::int64_t point) const {
    if (status(point) == PointStatus::pending) return false;
    const auto place = static_cast<std::size_t>(point - first);
    std::vector<double> record;
    for (const auto& field : values) record.push_back(field[place]);
    const auto expected = checksum(PointIndex{point}, record, static_cast<PointStatus>(statuses[place]));
    return expected != crcs[place] || statuses[place] > last_status;
}

PointReader::PointReader(const h5::Group& root, const SurfaceSchema& schema)
    : crcs_(root.open_dataset("crc32", h5::Type::uint32)), status_(root.open_dataset("status", h5::Type::uint8)) {
    OROGRAPH_VALIDATE(crcs_.shape() == status_.shape(), ExitCode::data, crcs_.where(), ": its shape is not that of the axes");
    for (const auto& field : schema.fields) fields_.push_back(root.open_dataset(field.name, h5::Type::float64));
}

// Reads in the reverse of the order in which SurfaceFile::write writes, so that a point seen as done is seen with its checksum and values
// while a job is writing.
PointBlock PointReader::read(std::int64_t first, std::int64_t count) const {
    const auto size = static_cast<std::size_t>(count);
    PointBlock block{first, {}, std::vector<std::uint8_t>(size), std::vector<std::uint32_t>(size)};
    status_.read_run<std::uint8_t>(first, block.statuses);
    crcs_.read_run<std::uint32_t>(first, block.crcs);
    for (const auto& field : fields_) field.read_run<double>(first, block.values.emplace_back(size));
    return block;
}

}  // namespace orograph::survey
