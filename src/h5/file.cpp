#include "orograph/h5/file.hpp"

#include "check.hpp"

#include "orograph/par/mpi_access.hpp"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace orograph::h5 {

namespace {

constexpr std::size_t memory_step_bytes = 8 << 20;

// Why each setting: platform.md, "HDF5: the crash-safe recipe".
PropertiesHandle access_properties() {
    PropertiesHandle access(check(H5Pcreate(H5P_FILE_ACCESS), ExitCode::internal, "cannot make a property list"));
    const bool set = H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 && H5Pset_sieve_buf_size(access.get(), 0) >= 0 &&
                     H5Pset_file_locking(access.get(), false, true) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot set the properties of an HDF5 file");
    return access;
}

bool has_signature(const std::filesystem::path& path) {
    constexpr std::array<char, 8> signature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    std::array<char, 8> start{};
    std::ifstream(path, std::ios::binary).read(start.data(), start.size());
    return start == signature;
}

void require_readable(const std::filesystem::path& path) {
    std::error_code error;
    const bool exists = std::filesystem::exists(path, error);
    OROGRAPH_VALIDATE(exists, ExitCode::no_input, path.string(), " does not exist; check the path");
    OROGRAPH_VALIDATE(std::filesystem::is_regular_file(path, error), ExitCode::no_input, path.string(), " is not a file; check the path");
    errno = 0;
    const bool opens = std::ifstream(path, std::ios::binary).is_open();
    OROGRAPH_VALIDATE(opens, ExitCode::no_input, path.string(), " cannot be read (", std::strerror(errno), ")");
}

std::int64_t bytes_of(const std::filesystem::path& path) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(bytes);
}

}  // namespace

File::File(FileHandle handle, std::string shown_as, std::int64_t bytes, Closing closing)
    : handle_(std::move(handle)), shown_as_(std::move(shown_as)), bytes_(bytes), closing_(closing) {}

File::~File() {
    if (closing_ == Closing::explicit_only) handle_.release();
}

File File::open(const std::filesystem::path& path) {
    start_library();
    require_readable(path);
    OROGRAPH_VALIDATE(has_signature(path), ExitCode::data, path.string(), " is not an HDF5 file");
    FileHandle handle(check(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_properties().get()), ExitCode::data, path.string(), " is cut short or damaged"));
    return {std::move(handle), path.string(), bytes_of(path), Closing::at_destruction};
}

File File::open_shared(const par::Communicator& comm, const std::filesystem::path& path) {
    start_library();
    const auto access = access_properties();
    if (!comm.is_null()) check(H5Pset_fapl_mpio(access.get(), par::raw(comm), MPI_INFO_NULL), ExitCode::io, "cannot use MPI-IO");
    FileHandle handle(H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()));
    const bool opened = handle.get() >= 0;
    const std::string reason = opened ? "" : last_reason();
    File file(std::move(handle), path.string(), bytes_of(path), comm.is_null() ? Closing::at_destruction : Closing::explicit_only);
    par::agree(comm, [&] { OROGRAPH_VALIDATE(opened, ExitCode::io, "rank ", comm.rank(), " cannot open ", path.string(), " for writing (", reason, ")"); });
    return file;
}

// HDF5 looks at `free_path`, where nothing may be, but does not touch it.
File File::create_in_memory(const std::filesystem::path& free_path, const std::string& shown_as) {
    start_library();
    const auto access = access_properties();
    check(H5Pset_fapl_core(access.get(), memory_step_bytes, false), ExitCode::internal, "cannot use HDF5 in memory");
    const PropertiesHandle creation(check(H5Pcreate(H5P_FILE_CREATE), ExitCode::internal, "cannot make a property list"));
    const bool set = H5Pset_obj_track_times(creation.get(), false) >= 0 &&
                     H5Pset_link_creation_order(creation.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot set the properties of an HDF5 file");
    FileHandle handle(check(H5Fcreate(free_path.c_str(), H5F_ACC_EXCL, creation.get(), access.get()), ExitCode::internal, "cannot make ", shown_as));
    return {std::move(handle), shown_as, 0, Closing::at_destruction};
}

std::vector<std::byte> File::image() {
    check(H5Fflush(handle_.get(), H5F_SCOPE_GLOBAL), ExitCode::internal, "cannot finish ", shown_as_);
    const auto bytes = check(H5Fget_file_image(handle_.get(), nullptr, 0), ExitCode::internal, "cannot measure ", shown_as_);
    std::vector<std::byte> image(static_cast<std::size_t>(bytes));
    check(H5Fget_file_image(handle_.get(), image.data(), image.size()), ExitCode::internal, "cannot finish ", shown_as_);
    return image;
}

Group File::root() const {
    GroupHandle group(check(H5Gopen2(handle_.get(), "/", H5P_DEFAULT), ExitCode::data, shown_as_, " has no root group"));
    return {std::move(group), shown_as_, "", bytes_};
}

void File::close() {
    check(H5Fclose(handle_.release()), ExitCode::io, "cannot finish writing ", shown_as_);
}

std::string library_version() {
    start_library();
    unsigned major = 0, minor = 0, release = 0;
    check(H5get_libversion(&major, &minor, &release), ExitCode::internal, "cannot ask for HDF5's version");
    return cat(major, ".", minor, ".", release);
}

}  // namespace orograph::h5
