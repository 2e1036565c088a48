#include "orograph/h5/group.hpp"

#include "attribute.hpp"
#include "check.hpp"
#include "types.hpp"

#include <hdf5.h>

namespace orograph::h5 {

namespace {

herr_t collect_name(hid_t, const char* name, const H5L_info_t*, void* out) {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
}

// A name that H5L would take for a path is none of ours.
bool is_plain(const std::string& name) {
    return !name.empty() && name != "." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

PropertiesHandle make_properties(Id kind) {
    return PropertiesHandle(check(H5Pcreate(kind), ExitCode::internal, "cannot make a property list"));
}

PropertiesHandle utf8_link() {
    auto link = make_properties(H5P_LINK_CREATE);
    check(H5Pset_char_encoding(link.get(), H5T_CSET_UTF8), ExitCode::internal, "cannot ask for UTF-8 names");
    return link;
}

// Contiguous, allocated and filled at creation, no time stamps: platform.md's recipe for a file that survives a kill.
PropertiesHandle early_contiguous() {
    auto creation = make_properties(H5P_DATASET_CREATE);
    const bool set = H5Pset_layout(creation.get(), H5D_CONTIGUOUS) >= 0 && H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY) >= 0 &&
                     H5Pset_fill_time(creation.get(), H5D_FILL_TIME_ALLOC) >= 0 && H5Pset_obj_track_times(creation.get(), false) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot set the properties of a new dataset");
    return creation;
}

// Contiguous and inside this file: its bytes can then be held against the file's size. Asked before the extent, which would open the
// sources of a virtual dataset.
void require_plain_layout(Id dataset, const std::string& where) {
    const PropertiesHandle creation(check(H5Dget_create_plist(dataset), ExitCode::data, where, " has no layout"));
    OROGRAPH_VALIDATE(H5Pget_layout(creation.get()) == H5D_CONTIGUOUS, ExitCode::data, where,
                      " is chunked, compressed or virtual; store it contiguous, as h5py's create_dataset(name, data=...) does");
    OROGRAPH_VALIDATE(H5Pget_external_count(creation.get()) == 0, ExitCode::data, where,
                      " lies in another file (external storage); store it in this one");
}

std::vector<std::int64_t> shape_of(Id dataset, const std::string& where, std::int64_t element_bytes, std::int64_t file_bytes) {
    const SpaceHandle space(check(H5Dget_space(dataset), ExitCode::data, where, " has no extent"));
    const auto kind = H5Sget_simple_extent_type(space.get());
    OROGRAPH_VALIDATE(kind == H5S_SCALAR || kind == H5S_SIMPLE, ExitCode::data, where, " is empty");
    std::vector<hsize_t> extent(
        static_cast<std::size_t>(check(H5Sget_simple_extent_ndims(space.get()), ExitCode::data, where, " has no extent")));
    check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), ExitCode::data, where, " has no extent");
    hsize_t room = static_cast<hsize_t>(file_bytes / element_bytes);
    for (const hsize_t length : extent) {
        OROGRAPH_VALIDATE(length <= room, ExitCode::data, where, " claims more bytes than its file has");
        if (length > 0) room /= length;
    }
    return {extent.begin(), extent.end()};
}

void require_stored(Id dataset, const std::string& where, std::int64_t bytes, std::int64_t file_bytes) {
    if (bytes == 0) return;
    const auto stored = static_cast<std::int64_t>(H5Dget_storage_size(dataset));
    const haddr_t offset = H5Dget_offset(dataset);
    OROGRAPH_VALIDATE(bytes <= file_bytes && stored == bytes && offset != HADDR_UNDEF && offset <= static_cast<haddr_t>(file_bytes - bytes),
                      ExitCode::data, where, " claims ", bytes, " bytes that its file does not hold");
}

}  // namespace

Group::Group(GroupHandle handle, std::string file, std::string path, std::int64_t file_bytes)
    : handle_(std::move(handle)), file_(std::move(file)), path_(std::move(path)), file_bytes_(file_bytes) {}

std::int64_t Group::file_bytes() const {
    return file_bytes_;
}

std::string Group::where() const {
    return path_.empty() ? file_ : file_ + ":" + path_;
}

std::string Group::path_of(const std::string& name) const {
    return path_ + "/" + name;
}

std::string Group::place(const std::string& name) const {
    return file_ + ":" + path_of(name);
}

bool Group::has(const std::string& name) const {
    return is_plain(name) && H5Lexists(get(), name.c_str(), H5P_DEFAULT) > 0;
}

std::int64_t Group::size() const {
    H5G_info_t info;
    check(H5Gget_info(get(), &info), ExitCode::data, "cannot list ", where());
    return static_cast<std::int64_t>(info.nlinks);
}

std::vector<std::string> Group::names() const {
    const PropertiesHandle creation(check(H5Gget_create_plist(get()), ExitCode::data, "cannot list ", where()));
    unsigned order = 0;
    check(H5Pget_link_creation_order(creation.get(), &order), ExitCode::data, "cannot list ", where());
    const auto index = (order & H5P_CRT_ORDER_TRACKED) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    std::vector<std::string> names;
    check(H5Literate(get(), index, H5_ITER_INC, nullptr, collect_name, &names), ExitCode::data, "cannot list ", where());
    return names;
}

void Group::require_hard_link(const std::string& name) const {
    OROGRAPH_VALIDATE(has(name), ExitCode::data, where(), " has no '", name, "'");
    H5L_info_t link;
    check(H5Lget_info(get(), name.c_str(), &link, H5P_DEFAULT), ExitCode::data, "cannot look up ", place(name));
    OROGRAPH_VALIDATE(link.type == H5L_TYPE_HARD, ExitCode::data, place(name),
                      " is a link to somewhere else; store the object itself there");
}

Group Group::create_group(const std::string& name) {
    auto creation = make_properties(H5P_GROUP_CREATE);
    check(H5Pset_obj_track_times(creation.get(), false), ExitCode::internal, "cannot switch time stamps off");
    check(H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), ExitCode::internal,
          "cannot keep the order");
    GroupHandle group(
        check(H5Gcreate2(get(), name.c_str(), utf8_link().get(), creation.get(), H5P_DEFAULT), ExitCode::io, "cannot write ", place(name)));
    return {std::move(group), file_, path_of(name), file_bytes_};
}

Group Group::open_group(const std::string& name) const {
    require_hard_link(name);
    GroupHandle group(check(H5Gopen2(get(), name.c_str(), H5P_DEFAULT), ExitCode::data, place(name), " is not a group, or damaged"));
    return {std::move(group), file_, path_of(name), file_bytes_};
}

Dataset Group::create_filled(const std::string& name, const std::vector<std::int64_t>& shape, Type type, const void* fill) {
    const auto creation = early_contiguous();
    check(H5Pset_fill_value(creation.get(), memory_type(type), fill), ExitCode::internal, "cannot set a fill value");
    DatasetHandle dataset(
        check(H5Dcreate2(get(), name.c_str(), stored_type(type), make_space(shape).get(), utf8_link().get(), creation.get(), H5P_DEFAULT),
              ExitCode::io, "cannot write ", place(name)));
    return {std::move(dataset), type, shape, place(name)};
}

DatasetHandle Group::open_plain(const std::string& name) const {
    require_hard_link(name);
    DatasetHandle dataset(check(H5Dopen2(get(), name.c_str(), H5P_DEFAULT), ExitCode::data, place(name), " is not a dataset, or damaged"));
    require_plain_layout(dataset.get(), place(name));
    return dataset;
}

Dataset Group::open_dataset(const std::string& name, Type type) const {
    auto handle = open_plain(name);
    const TypeHandle found(check(H5Dget_type(handle.get()), ExitCode::data, place(name), " has no type"));
    OROGRAPH_VALIDATE(H5Tequal(found.get(), stored_type(type)) > 0, ExitCode::data, place(name), " is not little-endian ", name_of(type));
    const auto element_bytes = static_cast<std::int64_t>(H5Tget_size(found.get()));
    const auto shape = shape_of(handle.get(), place(name), element_bytes, file_bytes_);
    Dataset dataset(std::move(handle), type, shape, place(name));
    require_stored(dataset.get(), place(name), dataset.size() * element_bytes, file_bytes_);
    return dataset;
}

Array Group::open_array(const std::string& name) const {
    require_hard_link(name);
    DatasetHandle dataset(check(H5Dopen2(get(), name.c_str(), H5P_DEFAULT), ExitCode::data, place(name),
                                " is not a dataset, damaged, or of a newer format than this HDF5 reads"));
    return {std::move(dataset), place(name), file_bytes_};
}

void Group::create_text(const std::string& name, const std::string& value) {
    const auto type = text_type(value.size());
    const std::string bytes = value.empty() ? std::string(1, '\0') : value;
    const DatasetHandle dataset(
        check(H5Dcreate2(get(), name.c_str(), type.get(), make_space({}).get(), utf8_link().get(), early_contiguous().get(), H5P_DEFAULT),
              ExitCode::io, "cannot write ", place(name)));
    check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), ExitCode::io, "cannot write ", place(name));
}

std::string Group::read_text(const std::string& name) const {
    const auto dataset = open_plain(name);
    const TypeHandle type(check(H5Dget_type(dataset.get()), ExitCode::data, place(name), " has no type"));
    OROGRAPH_VALIDATE(is_fixed_text(type.get()), ExitCode::data, place(name), " is not a string of fixed length");
    const auto bytes = static_cast<std::int64_t>(H5Tget_size(type.get()));
    const auto shape = shape_of(dataset.get(), place(name), bytes, file_bytes_);
    OROGRAPH_VALIDATE(shape.empty(), ExitCode::data, place(name), " is not a single string");
    require_stored(dataset.get(), place(name), bytes, file_bytes_);
    std::vector<char> padded(static_cast<std::size_t>(bytes));
    check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()), ExitCode::data, "cannot read ", place(name));
    return text_of(padded);
}

void Group::set_text(const std::string& name, const std::string& value) {
    write_text_attribute(get(), where(), name, value);
}

void Group::set_number(const std::string& name, std::int32_t value) {
    write_number_attribute(get(), where(), name, Type::int32, &value, -1);
}

std::string Group::text(const std::string& name) const {
    return read_text_attribute(get(), where(), name);
}

std::int32_t Group::number(const std::string& name) const {
    return read_int32_attribute(get(), where(), name);
}

std::map<std::string, std::string> Group::texts() const {
    return read_text_attributes(get(), where());
}

}  // namespace orograph::h5
