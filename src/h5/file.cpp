#include "orograph/h5/file.hpp"

#include "access.hpp"
#include "check.hpp"
#include "crash_guard.hpp"
#include "memory_guard.hpp"

#include "orograph/par/mpi_access.hpp"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace orograph::h5 {

namespace {

// Of memory, while a file is read: for what does not depend on it (HDF5's tables, the stacks of threads that are started meanwhile), and
// for each of its bytes.
constexpr std::uint64_t spare_bytes = std::uint64_t{2} << 30, growth = 64;

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

// HDF5 1.10 trusts a file more than we do.
struct Guards {
    explicit Guards(const std::filesystem::path& path)
        : crash(path), memory(spare_bytes + growth * static_cast<std::uint64_t>(bytes_of(path))) {}
    CrashGuard crash;
    MemoryGuard memory;
};

}  // namespace

PropertiesHandle access_properties() {
    PropertiesHandle access(check(H5Pcreate(H5P_FILE_ACCESS), ExitCode::internal, "cannot make a property list"));
    const bool set = H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
                     H5Pset_sieve_buf_size(access.get(), 0) >= 0 && H5Pset_file_locking(access.get(), false, true) >= 0;
    check(set ? 0 : -1, ExitCode::internal, "cannot set the properties of an HDF5 file");
    return access;
}

Group root_of(Id file, const std::string& shown_as, std::int64_t file_bytes) {
    GroupHandle group(check(H5Gopen2(file, "/", H5P_DEFAULT), ExitCode::data, shown_as, " has no root group"));
    return {std::move(group), shown_as, "", file_bytes};
}

File::File(FileHandle handle, std::string shown_as, std::int64_t bytes, Closing closing)
    : handle_(std::move(handle)), shown_as_(std::move(shown_as)), bytes_(bytes), closing_(closing) {}

File::~File() {
    if (closing_ == Closing::explicit_only) handle_.release();
}

File File::open(const std::filesystem::path& path) {
    start_library();
    require_readable(path);
    OROGRAPH_VALIDATE(has_signature(path), ExitCode::data, path.string(), " is not an HDF5 file");
    const auto guards = std::make_shared<Guards>(path);
    const auto access = access_properties();
    check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST), ExitCode::internal, "cannot read every HDF5 format");
    FileHandle handle(
        check(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), ExitCode::data, path.string(), " is cut short or damaged"));
    File file(std::move(handle), path.string(), bytes_of(path), Closing::at_destruction);
    file.guards_ = guards;
    return file;
}

File File::open_shared(const par::Communicator& comm, const std::filesystem::path& path) {
    start_library();
    const auto access = access_properties();
    if (!comm.is_null()) check(H5Pset_fapl_mpio(access.get(), par::raw(comm), MPI_INFO_NULL), ExitCode::io, "cannot use MPI-IO");
    FileHandle handle(H5Fopen(path.c_str(), H5F_ACC_RDWR, access.get()));
    const bool opened = handle.get() >= 0;
    const std::string reason = opened ? "" : last_reason();
    File file(std::move(handle), path.string(), bytes_of(path), comm.is_null() ? Closing::at_destruction : Closing::explicit_only);
    par::agree(comm, [&] {
        OROGRAPH_VALIDATE(opened, ExitCode::io, "rank ", comm.rank(), " cannot open ", path.string(), " for writing (", reason, ")");
    });
    return file;
}

Group File::root() const {
    return root_of(handle_.get(), shown_as_, bytes_);
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
