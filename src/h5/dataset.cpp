#include "orograph/h5/dataset.hpp"

#include "attribute.hpp"
#include "check.hpp"
#include "types.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <functional>
#include <numeric>

namespace orograph::h5 {

namespace {

// Row-major: the last dimension is the fastest.
std::vector<hsize_t> place_of(std::int64_t index, const std::vector<std::int64_t>& shape) {
    std::vector<hsize_t> place(shape.size());
    for (std::size_t dimension = shape.size(); dimension-- > 0;) {
        place[dimension] = static_cast<hsize_t>(index % shape[dimension]);
        index /= shape[dimension];
    }
    return place;
}

}  // namespace

Dataset::Dataset(DatasetHandle handle, Type type, std::vector<std::int64_t> shape, std::string where)
    : handle_(std::move(handle)),
      type_(type),
      shape_(std::move(shape)),
      size_(std::accumulate(shape_.begin(), shape_.end(), std::int64_t{1}, std::multiplies<>{})),
      where_(std::move(where)) {}

void Dataset::read_bytes(void* values, Type type) const {
    OROGRAPH_EXPECT(type == type_);
    check(H5Dread(get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), ExitCode::data, "cannot read ", where_);
}

void Dataset::write_bytes(const void* values, Type type, std::int64_t count) {
    OROGRAPH_EXPECT(type == type_ && count == size_);
    check(H5Dwrite(get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), ExitCode::io, "cannot write ", where_);
}

// H5P_DEFAULT transfers independently under MPI-IO too: no other rank takes part.
void Dataset::write_element_bytes(std::int64_t index, const void* value, Type type) {
    OROGRAPH_EXPECT(type == type_ && index >= 0 && index < size_);
    const SpaceHandle space(check(H5Dget_space(get()), ExitCode::io, "cannot write ", where_));
    const SpaceHandle one = make_space({});
    if (!shape_.empty()) {
        const auto start = place_of(index, shape_);
        const std::vector<hsize_t> count(shape_.size(), 1);
        check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), ExitCode::io, "cannot write ",
              where_);
    }
    check(H5Dwrite(get(), memory_type(type), one.get(), space.get(), H5P_DEFAULT, value), ExitCode::io, "cannot write element ", index,
          " of ", where_);
}

void Dataset::set_text(const std::string& name, const std::string& value) {
    write_text_attribute(get(), where_, name, value);
}

void Dataset::set_number_bytes(const std::string& name, const void* values, Type type, std::int64_t count) {
    write_number_attribute(get(), where_, name, type, values, count);
}

bool Dataset::has_attribute(const std::string& name) const {
    return h5::has_attribute(get(), name);
}

std::string Dataset::text_or_empty(const std::string& name) const {
    return has_attribute(name) ? read_text_attribute(get(), where_, name) : std::string();
}

void Dataset::make_scale(const std::string& name) {
    check(H5DSset_scale(get(), name.c_str()), ExitCode::io, "cannot make a dimension scale of ", where_);
}

void Dataset::attach_scale(const Dataset& scale, int dimension) {
    check(H5DSattach_scale(get(), scale.get(), static_cast<unsigned>(dimension)), ExitCode::io, "cannot attach ", scale.where(), " to ",
          where_);
}

}  // namespace orograph::h5
