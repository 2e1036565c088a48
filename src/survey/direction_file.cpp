#include "orograph/survey/direction_file.hpp"

#include "surface_layout.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>

namespace orograph::survey {

namespace {

constexpr double li_not_computed = -1.0;  // what Li et al.'s tool fills its arrays with

std::vector<StoredTensor> load_tensors(const std::filesystem::path& path, const std::string& group_name) {
    const auto file = h5::File::open(path);
    const auto root = file.root();
    OROGRAPH_VALIDATE(root.has(group_name), ExitCode::data, root.where(), " has no group '", group_name, "', only ", join(root.names()));
    const auto group = root.open_group(group_name);
    const auto count = group.size();  // not names(): where a damaged group has fewer, HDF5 1.10 frees what it never set
    OROGRAPH_VALIDATE(count > 0, ExitCode::data, group.where(), " is empty");
    std::vector<StoredTensor> tensors;
    std::int64_t left = group.file_bytes();  // many links to one dataset must not make much of a small file
    for (std::int64_t number = 0; number < count; ++number) {
        const auto name = std::to_string(number);
        OROGRAPH_VALIDATE(group.has(name), ExitCode::data, group.where(), ": its ", count, " datasets are not named 0 to ", count - 1,
                          ", '", name, "' is missing");
        const auto dataset = group.open_dataset(name, h5::Type::float32);
        left -= dataset.size() * static_cast<std::int64_t>(sizeof(float));
        OROGRAPH_VALIDATE(left >= 0, ExitCode::data, group.where(), " claims more bytes than its file has");
        tensors.push_back({name, dataset.shape(), dataset.read<float>()});
    }
    return tensors;
}

bool has_value(PointStatus status) {
    return status == PointStatus::done || status == PointStatus::non_finite;
}

// [j, i] from [i, j]; a line stays as it is.
std::vector<double> transposed(const Surface& surface, const std::vector<double>& values, std::size_t nx, std::size_t ny) {
    std::vector<double> out(values.size());
    for (std::size_t i = 0; i < nx; ++i) {
        for (std::size_t j = 0; j < ny; ++j)
            out[j * nx + i] = has_value(surface.statuses[i * ny + j]) ? values[i * ny + j] : li_not_computed;
    }
    return out;
}

void fill_li_surface(h5::Group root, const Surface& surface) {
    auto shape = shape_of(surface.schema.grid);
    const auto nx = static_cast<std::size_t>(shape.front());
    const auto ny = shape.size() > 1 ? static_cast<std::size_t>(shape.back()) : 1;
    for (const auto& axis : surface.schema.grid.axes()) {
        const auto length = static_cast<std::int64_t>(axis.coordinates.size());
        root.create_dataset<double>(coordinates_name(axis.name), {length}, 0.0).write<double>(axis.coordinates);
    }
    std::reverse(shape.begin(), shape.end());
    for (std::size_t field = 0; field < surface.values.size(); ++field) {
        const auto values = transposed(surface, surface.values[field], nx, ny);
        root.create_dataset<double>(surface.schema.fields[field].name, shape, li_not_computed).write<double>(values);
    }
}

}  // namespace

std::vector<StoredTensor> read_direction_file(const std::filesystem::path& path, const std::string& group) {
    try {
        return load_tensors(path, group);
    } catch (const Error& error) {
        if (error.code() != ExitCode::data) throw;
        throw Error(ExitCode::data,
                    cat(error.what(), "; a direction file holds float32 datasets 0, 1, ... in groups xdirection and ydirection"));
    }
}

void write_direction_file(const std::filesystem::path& path, const std::vector<NamedDirection>& directions) {
    h5::create_atomically(path, [&](h5::Group root) {
        for (const auto& direction : directions) {
            auto group = root.create_group(direction.group);
            for (std::size_t number = 0; number < direction.tensors.size(); ++number) {
                const auto& tensor = direction.tensors[number];
                group.create_dataset<float>(std::to_string(number), tensor.shape, 0.0F).write<float>(tensor.values);
            }
        }
    });
}

void write_li_surface(const std::filesystem::path& path, const Surface& surface) {
    const auto axes = surface.schema.grid.axes().size();
    OROGRAPH_VALIDATE(axes <= 2, ExitCode::data, "a survey with ", axes,
                      " axes has no place in Li et al.'s format; it holds lines and planes");
    h5::create_atomically(path, [&](h5::Group root) { fill_li_surface(std::move(root), surface); });
}

}  // namespace orograph::survey
