#include "memory_file.hpp"

#include "access.hpp"
#include "check.hpp"

#include <hdf5.h>

#include <cstdint>
#include <limits>
#include <new>

namespace orograph::h5 {

namespace {

constexpr std::int64_t end_of_file_offset = 28;  // in a version 2 superblock: the address behind the last byte, little-endian

// What the driver knows of an open file; begins as HDF5 wants it.
struct OpenImage {
    H5FD_t head{};
    PagedImage* image = nullptr;
    haddr_t end_of_allocation = 0;
};

OpenImage& opened(H5FD_t* file) {
    return *reinterpret_cast<OpenImage*>(file);
}
const OpenImage& opened(const H5FD_t* file) {
    return *reinterpret_cast<const OpenImage*>(file);
}

// The driver's information in the access properties is the address of the image.
H5FD_t* open_image(const char*, unsigned, hid_t access, haddr_t) {
    const auto* image = static_cast<PagedImage* const*>(H5Pget_driver_info(access));
    auto* file = image ? new (std::nothrow) OpenImage{.image = *image} : nullptr;
    return file ? &file->head : nullptr;
}

herr_t close_image(H5FD_t* file) {
    delete &opened(file);
    return 0;
}

// As HDF5's own drivers: small pieces are gathered.
herr_t query(const H5FD_t*, unsigned long* flags) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

haddr_t end_of_allocation(const H5FD_t* file, H5FD_mem_t) {
    return opened(file).end_of_allocation;
}

herr_t set_end_of_allocation(H5FD_t* file, H5FD_mem_t, haddr_t end) {
    opened(file).end_of_allocation = end;
    return 0;
}

haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) {
    return static_cast<haddr_t>(opened(file).image->size());
}

herr_t read_image(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t bytes, void* buffer) {
    opened(file).image->read(static_cast<std::int64_t>(address), {static_cast<std::byte*>(buffer), bytes});
    return 0;
}

// No exception may pass through HDF5.
herr_t write_image(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t bytes, const void* buffer) {
    try {
        opened(file).image->write(static_cast<std::int64_t>(address), {static_cast<const std::byte*>(buffer), bytes});
        return 0;
    } catch (const std::bad_alloc&) {
        return -1;
    }
}

Id driver() {
    static const H5FD_class_t driver_class{.name = "paged image",
                                           .maxaddr = std::numeric_limits<std::int64_t>::max(),
                                           .fc_degree = H5F_CLOSE_WEAK,
                                           .fapl_size = sizeof(PagedImage*),
                                           .open = open_image,
                                           .close = close_image,
                                           .query = query,
                                           .get_eoa = end_of_allocation,
                                           .set_eoa = set_end_of_allocation,
                                           .get_eof = end_of_file,
                                           .read = read_image,
                                           .write = write_image};
    static const Id id = check(H5FDregister(&driver_class), ExitCode::internal, "cannot register a file driver");
    return id;
}

PropertiesHandle memory_access(PagedImage* image) {
    auto access = access_properties();
    check(H5Pset_driver(access.get(), driver(), &image), ExitCode::internal, "cannot use HDF5 in memory");
    return access;
}

PropertiesHandle ordered_without_times() {
    PropertiesHandle creation(check(H5Pcreate(H5P_FILE_CREATE), ExitCode::internal, "cannot make a property list"));
    const bool set = H5Pset_obj_track_times(creation.get(), false) >= 0 &&
                     H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot set the properties of an HDF5 file");
    return creation;
}

}  // namespace

MemoryFile::MemoryFile(const std::filesystem::path& free_path) : image_(std::make_unique<PagedImage>()) {
    start_library();
    handle_ = FileHandle(check(H5Fcreate(free_path.c_str(), H5F_ACC_EXCL, ordered_without_times().get(), memory_access(image_.get()).get()),
                               ExitCode::internal, "cannot make an HDF5 file in memory"));
}

MemoryFile::MemoryFile(const std::filesystem::path& free_path, PagedImage image, const std::string& shown_as)
    : image_(std::make_unique<PagedImage>(std::move(image))) {
    start_library();
    handle_ = FileHandle(check(H5Fopen(free_path.c_str(), H5F_ACC_RDWR, memory_access(image_.get()).get()), ExitCode::data, shown_as,
                               " is cut short or damaged"));
}

const PagedImage& MemoryFile::close() {
    check(H5Fclose(handle_.release()), ExitCode::internal, "cannot finish an HDF5 file in memory");
    return *image_;
}

std::int64_t MemoryFile::file_bytes() const {
    std::int64_t bytes = 0;
    image_->read(end_of_file_offset, std::as_writable_bytes(std::span(&bytes, 1)));
    return bytes;
}

}  // namespace orograph::h5
