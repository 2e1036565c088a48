#include "orograph/h5/array.hpp"

#include "check.hpp"
#include "types.hpp"

#include <hdf5.h>

#include <functional>
#include <numeric>

namespace orograph::h5 {

namespace {

// Deflate makes nothing smaller than this part (zlib, "Technical Details": 1032:1); HDF5's other filters do not on pictures.
constexpr std::int64_t most_shrinking = 1032;

// The empty string where `type` is not a number.
std::string number_name(Id type) {
    const std::string bits = std::to_string(8 * H5Tget_size(type));
    const auto kind = H5Tget_class(type);
    if (kind == H5T_FLOAT) return "float" + bits;
    if (kind == H5T_INTEGER) return (H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int") + bits;
    return {};
}

std::vector<hsize_t> extent_of(Id space, const std::string& where) {
    OROGRAPH_VALIDATE(H5Sget_simple_extent_type(space) == H5S_SIMPLE, ExitCode::data, where, " has no dimensions");
    std::vector<hsize_t> extent(
        static_cast<std::size_t>(check(H5Sget_simple_extent_ndims(space), ExitCode::data, where, " has no extent")));
    check(H5Sget_simple_extent_dims(space, extent.data(), nullptr), ExitCode::data, where, " has no extent");
    return extent;
}

// What `extent` elements take in blocks of `block` elements, at most `room` bytes.
hsize_t bytes_in_blocks(const std::vector<hsize_t>& extent, const std::vector<hsize_t>& block, hsize_t element_bytes, hsize_t room,
                        const std::string& where) {
    hsize_t bytes = element_bytes;
    for (std::size_t d = 0; d < extent.size(); ++d) {
        const hsize_t blocks = extent[d] / block[d] + (extent[d] % block[d] != 0 ? 1 : 0);
        const bool fits = !__builtin_mul_overflow(bytes, blocks, &bytes) && !__builtin_mul_overflow(bytes, block[d], &bytes);
        OROGRAPH_VALIDATE(fits && bytes <= room, ExitCode::data, where,
                          " claims more bytes than its file holds; were all of its rows written?");
    }
    return bytes;
}

void require_all_chunks(Id dataset, Id space, hsize_t expected, const std::string& where) {
    hsize_t chunks = 0;
    check(H5Dget_num_chunks(dataset, space, &chunks), ExitCode::data, "cannot list the chunks of ", where);
    OROGRAPH_VALIDATE(chunks == expected, ExitCode::data, where, " is incomplete: ", chunks, " of its ", expected,
                      " chunks were written; write all of its rows");
}

// The layout of a dataset whose bytes are all in its file. Asked before the extent, which would open the sources of a virtual dataset.
H5D_layout_t layout_inside(Id creation, const std::string& where) {
    const auto layout = H5Pget_layout(creation);
    OROGRAPH_VALIDATE((layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT) && H5Pget_external_count(creation) == 0,
                      ExitCode::data, where, " lies in other files (virtual or external storage); store it in this one");
    return layout;
}

// Bytes that the file holds of a dataset, compressed as they may be.
hsize_t stored_bytes(Id dataset, H5D_layout_t layout, std::int64_t file_bytes) {
    const auto stored = static_cast<std::int64_t>(H5Dget_storage_size(dataset));
    if (stored > file_bytes) return 0;
    const bool outside = layout == H5D_CONTIGUOUS && stored > 0 && H5Dget_offset(dataset) > static_cast<haddr_t>(file_bytes - stored);
    return outside ? 0 : static_cast<hsize_t>(stored);
}

}  // namespace

Array::Array(DatasetHandle handle, std::string where, std::int64_t file_bytes) : handle_(std::move(handle)), where_(std::move(where)) {
    const Id id = handle_.get();
    const PropertiesHandle creation(check(H5Dget_create_plist(id), ExitCode::data, where_, " has no layout"));
    const auto layout = layout_inside(creation.get(), where_);
    const TypeHandle type(check(H5Dget_type(id), ExitCode::data, where_, " has no type"));
    type_ = number_name(type.get());
    OROGRAPH_VALIDATE(!type_.empty(), ExitCode::data, where_, " does not hold plain numbers");
    const SpaceHandle space(check(H5Dget_space(id), ExitCode::data, where_, " has no extent"));
    const auto extent = extent_of(space.get(), where_);
    shape_.assign(extent.begin(), extent.end());

    const hsize_t element_bytes = H5Tget_size(type.get());
    const hsize_t stored = stored_bytes(id, layout, file_bytes);
    std::vector<hsize_t> block(extent.size(), 1);
    if (layout != H5D_CHUNKED) {
        bytes_in_blocks(extent, block, element_bytes, stored, where_);
        return;
    }
    check(H5Pget_chunk(creation.get(), static_cast<int>(block.size()), block.data()), ExitCode::data, where_, " has no chunk size");
    chunk_rows_ = static_cast<std::int64_t>(block[0]);
    const hsize_t chunk_bytes = std::accumulate(block.begin(), block.end(), element_bytes, std::multiplies<>{});
    require_all_chunks(id, space.get(), bytes_in_blocks(extent, block, element_bytes, most_shrinking * stored, where_) / chunk_bytes,
                       where_);
}

void Array::read_row_bytes(std::int64_t first, std::int64_t count, void* out, std::int64_t elements, Type type) const {
    OROGRAPH_EXPECT(first >= 0 && count >= 0 && first + count <= shape_[0]);
    std::vector<hsize_t> start(shape_.size(), 0), size(shape_.begin(), shape_.end());
    start[0] = static_cast<hsize_t>(first);
    size[0] = static_cast<hsize_t>(count);
    const SpaceHandle rows(check(H5Dget_space(handle_.get()), ExitCode::data, "cannot read ", where_));
    check(H5Sselect_hyperslab(rows.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr), ExitCode::data, "cannot read ",
          where_);
    OROGRAPH_EXPECT(H5Sget_select_npoints(rows.get()) == elements);
    // Of the same shape as the selection: with another number of dimensions HDF5 copies chunks element by element.
    const SpaceHandle memory = make_space({size.begin(), size.end()});
    check(H5Dread(handle_.get(), memory_type(type), memory.get(), rows.get(), H5P_DEFAULT, out), ExitCode::data, "cannot read rows ", first,
          " to ", first + count - 1, " of ", where_, "; the file is damaged, or compressed with a filter that is not here (gzip is)");
}

}  // namespace orograph::h5
