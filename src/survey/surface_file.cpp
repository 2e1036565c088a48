#include "surface_layout.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"
#include "orograph/par/shared_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

namespace orograph::survey {

namespace {

// A second, plain descriptor of the file, for fdatasync: H5Fflush is collective.
class SyncDescriptor {
public:
    SyncDescriptor(const std::filesystem::path& path, int rank) : path_(path.string()), value_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        OROGRAPH_VALIDATE(value_ >= 0, ExitCode::cannot_create, "rank ", rank, " cannot open ", path_, " for writing (", reason(),
                          "); choose an output.file that every rank can write");
    }
    ~SyncDescriptor() { ::close(value_); }
    SyncDescriptor(const SyncDescriptor&) = delete;
    SyncDescriptor& operator=(const SyncDescriptor&) = delete;

    void sync() const {
        OROGRAPH_VALIDATE(::fdatasync(value_) == 0, ExitCode::io, "cannot flush ", path_, " to the disk (", reason(), "); check the disk");
    }

private:
    static std::string reason() { return std::generic_category().message(errno); }

    std::string path_;
    int value_;
};

// The surface at `path` where the job can go on with it; nothing where one is to be created.
std::optional<Surface> find_existing(const std::filesystem::path& path, const SurfaceSchema& schema, Overwrite overwrite) {
    std::error_code error;
    const auto type = std::filesystem::status(path, error).type();
    if (type == std::filesystem::file_type::not_found) return std::nullopt;
    OROGRAPH_VALIDATE(type == std::filesystem::file_type::regular, ExitCode::cannot_create, path.string(),
                      " exists and is not a file; choose another output.file");
    try {
        auto surface = load_surface(path);
        const auto difference = first_difference(surface.schema, schema);
        OROGRAPH_VALIDATE(difference.empty(), ExitCode::data, path.string(), " was made with another ", difference);
        return surface;
    } catch (const Error& failure) {
        if (failure.code() != ExitCode::data) throw;
        if (overwrite == Overwrite::refuse) {
            throw Error(ExitCode::data, cat(failure.what(), "; choose another output.file, or set output.overwrite: true to replace it"));
        }
        log::info(cat(failure.what(), "; replaced, as output.overwrite asks"));
        return std::nullopt;
    }
}

std::vector<std::uint8_t> usable_statuses(const Surface& surface, const std::filesystem::path& path) {
    std::vector<std::uint8_t> bytes;
    for (const auto status : surface.statuses) bytes.push_back(static_cast<std::uint8_t>(status));
    for (const auto point : surface.damaged) bytes[static_cast<std::size_t>(point)] = static_cast<std::uint8_t>(PointStatus::pending);
    if (!surface.damaged.empty()) {
        log::warn(cat(path.string(), ": ", surface.damaged.size(), " points do not fit their checksum and are computed again"));
    }
    return bytes;
}

}  // namespace

struct SurfaceFile::Impl {
    Impl(const par::Communicator& communicator, std::filesystem::path file_path) : comm(communicator), path(std::move(file_path)) {}

    void prepare(const SurfaceSchema& schema, Overwrite overwrite);
    void share();
    void open(const SurfaceSchema& schema);

    par::Communicator comm;
    std::filesystem::path path;
    std::optional<FileLock> lock;  // rank 0 only
    std::vector<std::uint8_t> status_bytes;
    std::vector<PointStatus> statuses;
    bool resumed = false;
    std::optional<SyncDescriptor> descriptor;
    std::optional<h5::File> file;
    std::vector<h5::Dataset> fields;
    std::optional<h5::Dataset> crcs, status;
};

// On rank 0, under the lock.
void SurfaceFile::Impl::prepare(const SurfaceSchema& schema, Overwrite overwrite) {
    std::error_code ignored;
    std::filesystem::remove(h5::creation_path(path), ignored);  // of a run that was killed while creating
    if (const auto surface = find_existing(path, schema, overwrite)) {
        resumed = true;
        status_bytes = usable_statuses(*surface, path);
        return;
    }
    h5::create_atomically(path, [&](h5::Group root) { write_schema(std::move(root), schema); });
    status_bytes.assign(static_cast<std::size_t>(schema.grid.size()), static_cast<std::uint8_t>(PointStatus::pending));
}

// Collective. What rank 0 found, on every rank.
void SurfaceFile::Impl::share() {
    resumed = par::all_max(comm, resumed ? 1 : 0) == 1;
    par::broadcast(comm, status_bytes, 0);
    statuses.reserve(status_bytes.size());
    for (const auto byte : status_bytes) statuses.push_back(static_cast<PointStatus>(byte));
}

// Collective.
void SurfaceFile::Impl::open(const SurfaceSchema& schema) {
    par::agree(comm, [&] { descriptor.emplace(path, comm.rank()); });
    file.emplace(h5::File::open_shared(comm, path));
    par::agree(comm, [&] {
        const auto root = file->root();
        for (const auto& field : schema.fields) fields.push_back(root.open_dataset(field.name, h5::Type::float64));
        crcs.emplace(root.open_dataset("crc32", h5::Type::uint32));
        status.emplace(root.open_dataset("status", h5::Type::uint8));
    });
}

SurfaceFile::SurfaceFile(const par::Communicator& comm, const std::filesystem::path& path, const SurfaceSchema& schema, Overwrite overwrite)
    : impl_(std::make_unique<Impl>(comm, path)) {
    par::on_root(comm, [&] { impl_->lock.emplace(path); });  // first, so that nobody changes what is looked at next
    par::require_shared_folder(comm, path.parent_path());
    par::on_root(comm, [&] { impl_->prepare(schema, overwrite); });
    impl_->share();
    impl_->open(schema);
}

SurfaceFile::~SurfaceFile() = default;

bool SurfaceFile::resumed() const {
    return impl_->resumed;
}

const std::vector<PointStatus>& SurfaceFile::statuses() const {
    return impl_->statuses;
}

// The order makes a point that was cut off by a kill either pending or known to be damaged.
void SurfaceFile::write(PointIndex point, std::span<const double> record, PointStatus status) {
    OROGRAPH_EXPECT(record.size() == impl_->fields.size());
    OROGRAPH_EXPECT(status != PointStatus::pending);
    const auto index = static_cast<std::int64_t>(point);
    for (std::size_t field = 0; field < record.size(); ++field) impl_->fields[field].write_element<double>(index, record[field]);
    impl_->crcs->write_element<std::uint32_t>(index, checksum(point, record, status));
    impl_->status->write_element<std::uint8_t>(index, static_cast<std::uint8_t>(status));
}

void SurfaceFile::sync() {
    impl_->descriptor->sync();
}

void SurfaceFile::close() {
    OROGRAPH_EXPECT(impl_->file.has_value());
    par::agree(impl_->comm, [&] { sync(); });
    impl_->fields.clear();
    impl_->crcs.reset();
    impl_->status.reset();
    impl_->file->close();
    impl_->file.reset();
    impl_->descriptor.reset();
    par::barrier(impl_->comm);  // the lock outlives every rank's use of the file
    impl_->lock.reset();
}

}  // namespace orograph::survey
