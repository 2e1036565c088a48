#include "point_reader.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <limits>

namespace orograph::survey {

namespace {

constexpr std::size_t max_axes = 32;  // HDF5's own limit of dimensions

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; std::getline(in, word, ',');) words.push_back(word);
    return words;
}

// Axis lengths are held against the shape of /status, whose bytes are known to be in the file, before a Grid multiplies them.
Grid read_grid(const h5::Group& root) {
    const auto names = split(root.text("axes"));
    OROGRAPH_VALIDATE(!names.empty() && names.size() <= max_axes, ExitCode::data, root.where(), " has ", names.size(), " axes");
    std::vector<Axis> axes;
    std::vector<std::int64_t> lengths;
    for (const auto& name : names) {
        const auto dataset = root.open_dataset(coordinates_name(name), h5::Type::float64);
        OROGRAPH_VALIDATE(dataset.shape().size() == 1 && dataset.size() > 0, ExitCode::data, dataset.where(),
                          " is not a row of coordinates");
        axes.push_back({name, dataset.read<double>()});
        lengths.push_back(dataset.size());
    }
    OROGRAPH_VALIDATE(root.open_dataset("status", h5::Type::uint8).shape() == lengths, ExitCode::data, root.where(),
                      ": the shape of status is not that of the axes");
    return Grid(std::move(axes));
}

std::vector<landscape::Field> read_fields(const h5::Group& root, const Grid& grid) {
    std::vector<landscape::Field> fields;
    for (const auto& name : split(root.text("fields"))) {
        const auto dataset = root.open_dataset(name, h5::Type::float64);
        OROGRAPH_VALIDATE(dataset.shape() == shape_of(grid), ExitCode::data, dataset.where(), ": its shape is not that of the axes");
        fields.push_back({name, dataset.text_or_empty("long_name"), dataset.text_or_empty("units")});
    }
    OROGRAPH_VALIDATE(!fields.empty(), ExitCode::data, root.where(), " names no fields");
    return fields;
}

StoredDirection read_direction(const h5::Group& group, const std::string& axis) {
    StoredDirection direction{axis, group.texts(), {}};
    std::int64_t left = group.file_bytes();  // many links to one dataset must not make much of a small file
    for (const auto& name : group.names()) {
        const auto dataset = group.open_dataset(name, h5::Type::float32);
        left -= dataset.size() * static_cast<std::int64_t>(sizeof(float));
        OROGRAPH_VALIDATE(left >= 0, ExitCode::data, group.where(), " claims more bytes than its file has");
        direction.tensors.push_back({name, dataset.shape(), dataset.read<float>()});
    }
    return direction;
}

std::vector<StoredDirection> read_directions(const h5::Group& root) {
    std::vector<StoredDirection> directions;
    const auto all = root.open_group("directions");
    const auto names = all.names();
    OROGRAPH_VALIDATE(names.size() <= max_axes, ExitCode::data, all.where(), " has ", names.size(), " groups");
    for (const auto& name : names) directions.push_back(read_direction(all.open_group(name), name));
    return directions;
}

std::map<std::string, std::string> read_provenance(const h5::Group& provenance) {
    auto texts = provenance.texts();
    std::int64_t left = provenance.file_bytes();
    for (const auto& name : provenance.names()) {
        if (name == "fingerprints") continue;
        const auto text = provenance.read_text(name);
        left -= static_cast<std::int64_t>(text.size());
        OROGRAPH_VALIDATE(left >= 0, ExitCode::data, provenance.where(), " claims more bytes than its file has");
        texts[name] = text;
    }
    return texts;
}

// A kill between a value and its status byte leaves values of a point that does not count.
void blank_pending(Surface& surface) {
    for (auto& values : surface.values) {
        for (std::size_t point = 0; point < values.size(); ++point) {
            if (surface.statuses[point] == PointStatus::pending) values[point] = std::numeric_limits<double>::quiet_NaN();
        }
    }
}

Surface load_surface(const std::filesystem::path& path) {
    const auto file = h5::File::open(path);
    Surface surface{read_schema(file.root()), {}, {}, {}, {}};
    auto block = PointReader(file.root(), surface.schema).read(0, surface.schema.grid.size());
    for (std::int64_t point = 0; point < block.size(); ++point) {
        surface.statuses.push_back(block.status(point));
        if (block.damaged(point)) surface.damaged.push_back(PointIndex{point});
    }
    surface.crcs = std::move(block.crcs);
    surface.values = std::move(block.values);
    blank_pending(surface);
    return surface;
}

// Adds to errors about the file what to do.
template <class Read>
auto with_advice(const Read& read) {
    try {
        return read();
    } catch (const Error& error) {
        if (error.code() != ExitCode::data) throw;
        throw Error(ExitCode::data, cat(error.what(), "; name a surface file, or make this one again with output.overwrite: true"));
    }
}

}  // namespace

SurfaceSchema read_schema(const h5::Group& root) {
    OROGRAPH_VALIDATE(root.has("status") && root.has("provenance"), ExitCode::data, root.where(), " is not a surface file of Orograph");
    const auto format = root.number("orograph_format");
    OROGRAPH_VALIDATE(format == surface_format, ExitCode::data, root.where(), " has surface format ", format, ", this program reads ",
                      surface_format);
    auto grid = read_grid(root);
    auto fields = read_fields(root, grid);
    const auto provenance = root.open_group("provenance");
    return {root.text("title"),
            std::move(grid),
            std::move(fields),
            read_directions(root),
            provenance.open_group("fingerprints").texts(),
            read_provenance(provenance)};
}

std::int64_t Surface::count(PointStatus status) const {
    return std::count(statuses.begin(), statuses.end(), status);
}

Surface read_surface(const std::filesystem::path& path) {
    return with_advice([&] { return load_surface(path); });
}

SurfaceSchema read_schema(const std::filesystem::path& path) {
    return with_advice([&] { return read_schema(h5::File::open(path).root()); });
}

}  // namespace orograph::survey
