#include "orograph/core/files.hpp"

#include "descriptor.hpp"

#include "orograph/core/error.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <memory>

namespace orograph {
namespace {

namespace fs = std::filesystem;

// Full disks and broken ones are input/output errors wherever they show; every other reason is one that the user can mend.
ExitCode code_of_errno() {
    return errno == ENOSPC || errno == EDQUOT || errno == EIO ? ExitCode::io : ExitCode::cannot_create;
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Size of the open regular file. Error(no_input) for folders, devices and pipes.
std::uint64_t regular_size(const Descriptor& file, const fs::path& path, std::string_view what) {
    struct stat status {};
    OROGRAPH_VALIDATE(::fstat(file.get(), &status) == 0, ExitCode::no_input, "cannot look at the ", what, " file ", path, ": ",
                      errno_text());
    OROGRAPH_VALIDATE(!S_ISDIR(status.st_mode), ExitCode::no_input, "the ", what, " file ", path, " is a folder; name a file in it");
    OROGRAPH_VALIDATE(S_ISREG(status.st_mode), ExitCode::no_input, "the ", what, " file ", path, " is not a regular file");
    return static_cast<std::uint64_t>(status.st_size);
}

// Opens without waiting, so that a pipe nobody writes to cannot hang the program.
Descriptor open_input(const fs::path& path, std::string_view what) {
    Descriptor file(path, O_RDONLY | O_NONBLOCK);
    OROGRAPH_VALIDATE(file.is_open(), ExitCode::no_input, "cannot open the ", what, " file ", path, ": ", errno_text(), "; check the path");
    return file;
}

// Reads up to bytes.size() bytes; returns how many came before the end of the file. -1 where reading fails.
ssize_t read_fully(const Descriptor& file, std::span<std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return static_cast<ssize_t>(done);
}

bool write_fully(const Descriptor& file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(file.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

// Deflate makes nothing smaller than this part (zlib, "Technical Details": 1032:1).
constexpr std::uint64_t most_shrinking = 1032;

struct GzipCloser {
    void operator()(gzFile file) const { gzclose(file); }
};
using GzipFile = std::unique_ptr<std::remove_pointer_t<gzFile>, GzipCloser>;

// Decompresses up to bytes.size() bytes; returns how many there were. Error(data) where the stream is damaged or cut short.
std::size_t inflate(gzFile file, std::span<std::byte> bytes, const fs::path& path, std::string_view what) {
    constexpr std::size_t piece = std::size_t{1} << 30;
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto want = static_cast<unsigned>(std::min(piece, bytes.size() - done));
        const int count = gzread(file, bytes.data() + done, want);
        int code = Z_OK;
        const char* reason = gzerror(file, &code);
        OROGRAPH_VALIDATE(count >= 0 && code != Z_BUF_ERROR, ExitCode::data, "the ", what, " file ", path,
                          " is damaged or truncated: ", reason, "; fetch it again");
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

// ".NAME.tmp-PID", one name for each process, so that two that write the same file do not mix their bytes.
std::string temporary_prefix(const fs::path& target) {
    return cat(".", target.filename().string(), ".tmp-");
}

// Temporary files of processes that were killed while they wrote `target`.
void remove_leftovers(const fs::path& target) {
    const std::string prefix = temporary_prefix(target);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_of(target), ignored)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        const long process = std::strtol(name.c_str() + prefix.size(), nullptr, 10);
        if (process > 0 && ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) fs::remove(entry.path(), ignored);
    }
}

// A file that vanishes unless it is kept.
class TemporaryFile {
public:
    explicit TemporaryFile(const fs::path& target)
        : path_(folder_of(target) / cat(temporary_prefix(target), ::getpid())), file_(path_, O_WRONLY | O_CREAT | O_TRUNC) {
        OROGRAPH_VALIDATE(file_.is_open(), code_of_errno(), "cannot create ", target, ": ", errno_text(), "; choose another place");
    }
    ~TemporaryFile() {
        if (!kept_) ::unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    // Writes everything to the disk. Error(io).
    void fill(std::span<const std::byte> bytes, const fs::path& target) {
        const bool written = write_fully(file_, bytes) && ::fsync(file_.get()) == 0 && ::close(file_.release()) == 0;
        OROGRAPH_VALIDATE(written, ExitCode::io, "cannot write ", target, ": ", errno_text(), "; what was there before is unchanged");
    }

    void rename_to(const fs::path& target) {
        OROGRAPH_VALIDATE(::rename(path_.c_str(), target.c_str()) == 0, code_of_errno(), "cannot create ", target, ": ", errno_text());
        kept_ = true;
    }

private:
    fs::path path_;
    Descriptor file_;
    bool kept_ = false;
};

}  // namespace

std::vector<std::byte> read_file(const fs::path& path, std::uint64_t max_bytes, std::string_view what) {
    const auto file = open_input(path, what);
    const auto size = regular_size(file, path, what);
    OROGRAPH_VALIDATE(size <= max_bytes, ExitCode::data, "the ", what, " file ", path, " has ", size, " bytes; at most ", max_bytes,
                      " are allowed");
    std::vector<std::byte> bytes(size);
    const auto count = read_fully(file, bytes);
    OROGRAPH_VALIDATE(count >= 0, ExitCode::no_input, "cannot read the ", what, " file ", path, ": ", errno_text());
    OROGRAPH_VALIDATE(static_cast<std::uint64_t>(count) == size, ExitCode::no_input, "the ", what, " file ", path,
                      " became shorter while it was read; let its writer end first");
    return bytes;
}

std::vector<std::byte> read_gzip(const fs::path& path, std::uint64_t expected_bytes, std::string_view what) {
    auto file = open_input(path, what);
    const auto size = regular_size(file, path, what);
    OROGRAPH_VALIDATE(expected_bytes / most_shrinking <= size, ExitCode::data, "the ", what, " file ", path, " has ", size,
                      " bytes, too few for the ", expected_bytes, " that are expected; it is truncated or another file");
    const GzipFile gzip(gzdopen(file.get(), "rb"));
    OROGRAPH_VALIDATE(gzip, ExitCode::no_input, "cannot read the ", what, " file ", path, ": out of memory");
    file.release();
    std::vector<std::byte> bytes(expected_bytes);
    const auto count = inflate(gzip.get(), bytes, path, what);
    OROGRAPH_VALIDATE(count == expected_bytes, ExitCode::data, "the ", what, " file ", path, " holds ", count, " bytes where ",
                      expected_bytes, " are expected; it is truncated or another file");
    std::byte extra{};
    OROGRAPH_VALIDATE(inflate(gzip.get(), {&extra, 1}, path, what) == 0, ExitCode::data, "the ", what, " file ", path,
                      " holds more than the expected ", expected_bytes, " bytes; it is another file");
    return bytes;
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes) {
    create_parent_folders(path);
    remove_leftovers(path);
    TemporaryFile temporary(path);
    temporary.fill(bytes, path);
    temporary.rename_to(path);
    sync_path(folder_of(path));
}

void write_file_atomically(const fs::path& path, std::string_view text) {
    write_file_atomically(path, std::as_bytes(std::span(text)));
}

// File systems that cannot sync a folder say EINVAL; they keep renames in order by themselves.
void sync_path(const fs::path& path) {
    const Descriptor file(path, O_RDONLY);
    const bool synced = file.is_open() && (::fsync(file.get()) == 0 || errno == EINVAL);
    OROGRAPH_VALIDATE(synced, ExitCode::io, "cannot flush ", path, " to the disk: ", errno_text());
}

std::optional<double> free_bytes(const fs::path& path) {
    std::error_code error;
    fs::path folder = fs::absolute(path, error).parent_path();
    while (folder.has_relative_path() && !fs::exists(folder, error)) folder = folder.parent_path();
    const auto space = fs::space(folder, error);
    if (error || space.capacity == 0) return std::nullopt;
    return static_cast<double>(space.available);
}

void create_parent_folders(const fs::path& path) {
    std::error_code error;
    fs::create_directories(folder_of(path), error);
    OROGRAPH_VALIDATE(!error, ExitCode::cannot_create, "cannot create the folder ", folder_of(path), ": ", error.message(),
                      "; choose another place");
}

}  // namespace orograph
