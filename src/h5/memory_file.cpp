#include "memory_file.hpp"

#include "access.hpp"
#include "check.hpp"

#include <hdf5.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace orograph::h5 {

namespace {

constexpr std::size_t step_bytes = 8 << 20;
constexpr std::size_t end_of_file_offset = 28;  // in a version 2 superblock: the address behind the last byte, little-endian

void* allocate(std::size_t bytes, H5FD_file_image_op_t, void*) {
    return std::malloc(bytes);
}

void* copy(void* to, const void* from, std::size_t bytes, H5FD_file_image_op_t, void*) {
    return std::memcpy(to, from, bytes);
}

void* resize(void* memory, std::size_t bytes, H5FD_file_image_op_t, void*) {
    return std::realloc(memory, bytes);
}

herr_t keep_or_free(void* memory, H5FD_file_image_op_t operation, void* kept) {
    if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE)
        *static_cast<void**>(kept) = memory;
    else
        std::free(memory);
    return 0;
}

void* share(void* kept) {
    return kept;
}

herr_t forget(void*) {
    return 0;
}

PropertiesHandle memory_access(void** kept) {
    auto access = access_properties();
    H5FD_file_image_callbacks_t callbacks{allocate, copy, resize, keep_or_free, share, forget, kept};
    const bool set = H5Pset_fapl_core(access.get(), step_bytes, false) >= 0 && H5Pset_file_image_callbacks(access.get(), &callbacks) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot use HDF5 in memory");
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

struct MemoryFile::Memory {
    ~Memory() { std::free(start); }
    void* start = nullptr;
};

MemoryFile::MemoryFile(const std::filesystem::path& free_path) : memory_(std::make_unique<Memory>()) {
    start_library();
    const auto access = memory_access(&memory_->start);
    handle_ = FileHandle(check(H5Fcreate(free_path.c_str(), H5F_ACC_EXCL, ordered_without_times().get(), access.get()), ExitCode::internal,
                               "cannot make an HDF5 file in memory"));
}

MemoryFile::MemoryFile(const std::filesystem::path& free_path, std::span<const std::byte> image, const std::string& shown_as)
    : memory_(std::make_unique<Memory>()) {
    start_library();
    const auto access = memory_access(&memory_->start);
    check(H5Pset_file_image(access.get(), const_cast<std::byte*>(image.data()), image.size()), ExitCode::internal,
          "cannot copy an HDF5 file into memory");
    handle_ =
        FileHandle(check(H5Fopen(free_path.c_str(), H5F_ACC_RDWR, access.get()), ExitCode::data, shown_as, " is cut short or damaged"));
}

MemoryFile::~MemoryFile() = default;

std::span<const std::byte> MemoryFile::close() {
    check(H5Fclose(handle_.release()), ExitCode::internal, "cannot finish an HDF5 file in memory");
    const auto* bytes = static_cast<const std::byte*>(memory_->start);
    OROGRAPH_VALIDATE(bytes != nullptr, ExitCode::internal, "HDF5 kept a file in memory open");
    std::uint64_t size = 0;
    std::memcpy(&size, bytes + end_of_file_offset, sizeof(size));
    return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace orograph::h5
