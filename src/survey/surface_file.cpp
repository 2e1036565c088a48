#include "point_reader.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"
#include "orograph/par/shared_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

// Adds a point behind those that are there.
void append(std::vector<PointRange>& ranges, std::int64_t point) {
    if (!ranges.empty() && ranges.back().last == point)
        ++ranges.back().last;
    else
        ranges.push_back({point, point + 1});
}

// A block at a time, so that memory does not grow with the grid.
Inventory take_inventory(const h5::Group& root, const SurfaceSchema& schema, const std::filesystem::path& path) {
    constexpr std::int64_t block_points = 1 << 16;
    const PointReader reader(root, schema);
    Inventory found;
    std::int64_t damaged = 0;
    for (std::int64_t first = 0; first < schema.grid.size(); first += block_points) {
        const auto block = reader.read(first, std::min(block_points, schema.grid.size() - first));
        for (auto point = first; point < first + block.size(); ++point) {
            const bool damage = block.damaged(point);
            const auto status = damage ? PointStatus::pending : block.status(point);
            damaged += damage;
            if (status == PointStatus::pending) append(found.pending, point);
            if (status == PointStatus::failed) append(found.failed, point);
            found.pending_points += status == PointStatus::pending;
            found.failed_points += status == PointStatus::failed;
            found.non_finite_points += status == PointStatus::non_finite;
        }
    }
    if (damaged > 0) log::warn(cat(path.string(), ": ", damaged, " points do not fit their checksum and are computed again"));
    return found;
}

// What the file at `path` holds where the job can go on with it; nothing where one is to be created.
std::optional<Inventory> find_existing(const std::filesystem::path& path, const SurfaceSchema& schema, Overwrite overwrite) {
    std::error_code error;
    const auto type = std::filesystem::status(path, error).type();
    if (type == std::filesystem::file_type::not_found) return std::nullopt;
    OROGRAPH_VALIDATE(type == std::filesystem::file_type::regular, ExitCode::cannot_create, path.string(),
                      " exists and is not a file; choose another output.file");
    try {
        const auto file = h5::File::open(path);
        const auto theirs = read_schema(file.root());
        const auto difference = first_difference(theirs, schema);
        OROGRAPH_VALIDATE(difference.empty(), ExitCode::data, path.string(), " was made with another ", difference);
        return take_inventory(file.root(), theirs, path);
    } catch (const Error& failure) {
        if (failure.code() != ExitCode::data) throw;
        if (overwrite == Overwrite::refuse) {
            throw Error(ExitCode::data, cat(failure.what(), "; choose another output.file, or set output.overwrite: true to replace it"));
        }
        log::info(cat(failure.what(), "; replaced, as output.overwrite asks"));
        return std::nullopt;
    }
}

// Before anything is written: a grid of a billion points by mistake would fill the disk first.
void require_space(const std::filesystem::path& path, const SurfaceSchema& schema) {
    const double needed = file_bytes(schema);
    const auto free = free_bytes(path);
    OROGRAPH_VALIDATE(!free || needed <= *free, ExitCode::io, path.string(), " of ", schema.grid.size(), " points takes ",
                      human_bytes(needed), ", and its folder has ", human_bytes(*free),
                      " left; free some space there, choose another output.file, or a smaller grid");
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
    Inventory inventory;
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
    if (auto found = find_existing(path, schema, overwrite)) {
        resumed = true;
        inventory = std::move(*found);
        return;
    }
    require_space(path, schema);
    h5::create_atomically(path, [&](h5::Group root) { write_schema(std::move(root), schema); });
    inventory.pending = {{0, schema.grid.size()}};
    inventory.pending_points = schema.grid.size();
}

// Collective. How much rank 0 found, on every rank.
void SurfaceFile::Impl::share() {
    resumed = par::all_max(comm, resumed ? 1 : 0) == 1;
    for (auto* points : {&inventory.pending_points, &inventory.failed_points, &inventory.non_finite_points})
        *points = par::all_max(comm, *points);
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
    par::require_shared_folder(comm, path);
    par::on_root(comm, [&] { impl_->prepare(schema, overwrite); });
    impl_->share();
    impl_->open(schema);
}

SurfaceFile::~SurfaceFile() = default;

bool SurfaceFile::resumed() const {
    return impl_->resumed;
}

const std::filesystem::path& SurfaceFile::path() const {
    return impl_->path;
}

const Inventory& SurfaceFile::inventory() const {
    return impl_->inventory;
}

std::size_t SurfaceFile::width() const {
    return impl_->fields.size();
}

// The order makes a point that was cut off by a kill either pending or known to be damaged.
void SurfaceFile::write(PointIndex first, std::span<const double> records, std::span<const PointStatus> statuses) {
    const auto width = impl_->fields.size(), count = statuses.size();
    OROGRAPH_EXPECT(records.size() == count * width);
    const auto index = static_cast<std::int64_t>(first);
    std::vector<double> column(count);
    for (std::size_t field = 0; field < width; ++field) {
        for (std::size_t point = 0; point < count; ++point) column[point] = records[point * width + field];
        impl_->fields[field].write_run<double>(index, column);
    }
    std::vector<std::uint32_t> crcs;
    std::vector<std::uint8_t> bytes;
    for (std::size_t point = 0; point < count; ++point) {
        OROGRAPH_EXPECT(statuses[point] != PointStatus::pending);
        const PointIndex number{index + static_cast<std::int64_t>(point)};
        crcs.push_back(checksum(number, records.subspan(point * width, width), statuses[point]));
        bytes.push_back(static_cast<std::uint8_t>(statuses[point]));
    }
    impl_->crcs->write_run<std::uint32_t>(index, crcs);
    impl_->status->write_run<std::uint8_t>(index, bytes);
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
