#include "orograph/h5/dataset.hpp"

#include "attribute.hpp"
#include "check.hpp"
#include "types.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace orograph::h5 {

namespace {

// A box of a row-major array; its elements are consecutive.
struct Box {
    std::vector<hsize_t> start, count;
    std::int64_t size = 1;
};

// The largest box that begins with element `first` and has at most `most` elements: a part of a row, or whole rows, planes, ...
Box largest_box(std::int64_t first, std::int64_t most, const std::vector<std::int64_t>& shape) {
    Box box{std::vector<hsize_t>(shape.size()), std::vector<hsize_t>(shape.size(), 1), 1};
    bool whole = true;  // so far: the box has all of the dimensions behind this one
    for (std::size_t dimension = shape.size(); dimension-- > 0;) {
        const auto place = first % shape[dimension];
        box.start[dimension] = static_cast<hsize_t>(place);
        first /= shape[dimension];
        if (!whole) continue;
        const auto count = std::max<std::int64_t>(1, std::min(shape[dimension] - place, most / box.size));
        box.count[dimension] = static_cast<hsize_t>(count);
        box.size *= count;
        whole = count == shape[dimension];
    }
    return box;
}

std::int64_t element_bytes(Type type) {
    return static_cast<std::int64_t>(H5Tget_size(memory_type(type)));
}

// Calls transfer(memory space, file space, elements before) for the parts of a run of elements that are boxes, which HDF5 can select.
template <class Transfer>
void for_each_box(Id dataset, const std::vector<std::int64_t>& shape, std::int64_t first, std::int64_t count, const Transfer& transfer) {
    const SpaceHandle file_space(check(H5Dget_space(dataset), ExitCode::internal, "cannot ask for the shape of a dataset"));
    for (std::int64_t done = 0; done < count;) {
        const auto box = largest_box(first + done, count - done, shape);
        if (!shape.empty())
            check(H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, box.start.data(), nullptr, box.count.data(), nullptr),
                  ExitCode::internal, "cannot select a part of a dataset");
        const SpaceHandle memory_space = make_space({box.size});
        transfer(memory_space.get(), file_space.get(), done);
        done += box.size;
    }
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

void Dataset::read_run_bytes(std::int64_t first, std::int64_t count, std::byte* values, Type type) const {
    OROGRAPH_EXPECT(type == type_ && first >= 0 && first + count <= size_);
    for_each_box(get(), shape_, first, count, [&](Id memory_space, Id file_space, std::int64_t done) {
        check(H5Dread(get(), memory_type(type), memory_space, file_space, H5P_DEFAULT, values + done * element_bytes(type)), ExitCode::data,
              "cannot read ", where_);
    });
}

// H5P_DEFAULT transfers independently under MPI-IO too: no other rank takes part.
void Dataset::write_run_bytes(std::int64_t first, std::int64_t count, const std::byte* values, Type type) {
    OROGRAPH_EXPECT(type == type_ && first >= 0 && first + count <= size_);
    for_each_box(get(), shape_, first, count, [&](Id memory_space, Id file_space, std::int64_t done) {
        check(H5Dwrite(get(), memory_type(type), memory_space, file_space, H5P_DEFAULT, values + done * element_bytes(type)), ExitCode::io,
              "cannot write element ", first + done, " of ", where_);
    });
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
