#include "surface_layout.hpp"

#include "orograph/core/fingerprint.hpp"
#include "orograph/core/text.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace orograph::survey {

namespace {

constexpr double not_computed = std::numeric_limits<double>::quiet_NaN();

// The axes of planes and lines.
bool is_direction(const std::string& axis_name) {
    return axis_name == "x" || axis_name == "y";
}

template <class Named>
std::string join_names(const std::vector<Named>& items) {
    std::vector<std::string> names;
    for (const auto& item : items) names.push_back(item.name);
    return join(names, ",");
}

std::vector<h5::Dataset> write_axes(h5::Group& root, const Grid& grid) {
    std::vector<h5::Dataset> scales;
    for (const auto& axis : grid.axes()) {
        const auto name = coordinates_name(axis.name);
        auto& scale = scales.emplace_back(root.create_dataset<double>(name, {static_cast<std::int64_t>(axis.coordinates.size())}, 0.0));
        scale.write<double>(axis.coordinates);
        scale.set_text("long_name", is_direction(axis.name) ? cat("coordinate along direction ", axis.name) : axis.name);
        scale.set_text("units", "1");
        scale.make_scale(name);
    }
    return scales;
}

void attach_scales(h5::Dataset& dataset, const std::vector<h5::Dataset>& scales) {
    for (std::size_t axis = 0; axis < scales.size(); ++axis) dataset.attach_scale(scales[axis], static_cast<int>(axis));
}

void write_fields(h5::Group& root, const SurfaceSchema& schema, const std::vector<h5::Dataset>& scales) {
    for (const auto& field : schema.fields) {
        auto dataset = root.create_dataset<double>(field.name, shape_of(schema.grid), not_computed);
        dataset.set_text("long_name", field.long_name);
        dataset.set_text("units", field.units);
        dataset.set_number<double>("_FillValue", not_computed);
        attach_scales(dataset, scales);
    }
}

void write_bookkeeping(h5::Group& root, const Grid& grid, const std::vector<h5::Dataset>& scales) {
    auto status = root.create_dataset<std::uint8_t>("status", shape_of(grid), static_cast<std::uint8_t>(PointStatus::pending));
    constexpr std::array<std::uint8_t, 4> values{0, 1, 2, 3};
    status.set_text("long_name", "status of the point");
    status.set_numbers<std::uint8_t>("flag_values", values);
    status.set_text("flag_meanings", "pending done non_finite failed");
    attach_scales(status, scales);
    auto crcs = root.create_dataset<std::uint32_t>("crc32", shape_of(grid), 0);
    crcs.set_text("long_name", "CRC-32 of the point's number, values and status");
    attach_scales(crcs, scales);
}

void write_directions(h5::Group& root, const std::vector<StoredDirection>& directions) {
    auto all = root.create_group("directions");
    for (const auto& direction : directions) {
        auto group = all.create_group(direction.axis);
        for (const auto& [key, value] : direction.attributes) group.set_text(key, value);
        for (const auto& tensor : direction.tensors)
            group.create_dataset<float>(tensor.name, tensor.shape, 0.0F).write<float>(tensor.values);
    }
}

void write_arrays(h5::Group& root, const std::vector<StoredArray>& arrays) {
    for (const auto& array : arrays) {
        auto group = root.has(array.group) ? root.open_group(array.group) : root.create_group(array.group);
        auto dataset = group.create_dataset<double>(array.name, array.shape, 0.0);
        dataset.write<double>(array.values);
        dataset.set_text("long_name", array.long_name);
    }
}

void write_provenance(h5::Group& root, const SurfaceSchema& schema) {
    auto provenance = root.create_group("provenance");
    for (const auto& [key, value] : schema.provenance) {
        if (value.size() > max_attribute_bytes)
            provenance.create_text(key, value);
        else
            provenance.set_text(key, value);
    }
    auto fingerprints = provenance.create_group("fingerprints");
    for (const auto& [item, value] : schema.fingerprints) fingerprints.set_text(item, value);
}

}  // namespace

std::string coordinates_name(const std::string& axis_name) {
    return is_direction(axis_name) ? axis_name + "coordinates" : axis_name;
}

double file_bytes(const SurfaceSchema& schema) {
    const auto point_bytes = static_cast<double>(schema.fields.size() * sizeof(double) + sizeof(std::uint32_t) + sizeof(std::uint8_t));
    double bytes = point_bytes * static_cast<double>(schema.grid.size());
    for (const auto& axis : schema.grid.axes()) bytes += static_cast<double>(std::span(axis.coordinates).size_bytes());
    for (const auto& direction : schema.directions) {
        for (const auto& tensor : direction.tensors) bytes += static_cast<double>(std::span(tensor.values).size_bytes());
    }
    for (const auto& array : schema.arrays) bytes += static_cast<double>(std::span(array.values).size_bytes());
    return bytes;
}

std::vector<std::int64_t> shape_of(const Grid& grid) {
    std::vector<std::int64_t> shape;
    for (const auto& axis : grid.axes()) shape.push_back(static_cast<std::int64_t>(axis.coordinates.size()));
    return shape;
}

std::uint32_t checksum(PointIndex point, std::span<const double> record, PointStatus status) {
    static_assert(std::endian::native == std::endian::little, "the checksum is defined over little-endian bytes");
    const auto number = static_cast<std::int64_t>(point);
    std::vector<std::byte> bytes(sizeof(number) + record.size_bytes() + 1);
    std::memcpy(bytes.data(), &number, sizeof(number));
    if (!record.empty()) std::memcpy(bytes.data() + sizeof(number), record.data(), record.size_bytes());
    bytes.back() = static_cast<std::byte>(status);
    return crc32(bytes);
}

void write_schema(h5::Group root, const SurfaceSchema& schema) {
    root.set_text("title", schema.title);
    root.set_text("Conventions", "CF-1.8");
    root.set_number("orograph_format", surface_format);
    root.set_text("axes", join_names(schema.grid.axes()));
    root.set_text("fields", join_names(schema.fields));
    const auto scales = write_axes(root, schema.grid);
    write_fields(root, schema, scales);
    write_bookkeeping(root, schema.grid, scales);
    write_directions(root, schema.directions);
    write_arrays(root, schema.arrays);
    write_provenance(root, schema);
}

}  // namespace orograph::survey
