#include "descriptor.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/host.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace orograph {
namespace {

namespace fs = std::filesystem;

// "pid 4711 on node17", as the holder of a lock writes it into the side file.
std::string own_name() {
    return cat("pid ", ::getpid(), " on ", host_name());
}

std::string read_holder(const Descriptor& file) {
    std::array<char, 300> text{};
    const auto count = ::pread(file.get(), text.data(), text.size(), 0);
    std::string holder(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    return holder.substr(0, holder.find('\n'));
}

// Only other people's messages depend on it, so that a full disk is no reason to fail.
void write_holder(const Descriptor& file) {
    const auto text = own_name() + "\n";
    if (::ftruncate(file.get(), 0) != 0) return;
    [[maybe_unused]] const auto written = ::pwrite(file.get(), text.data(), text.size(), 0);
}

// False where another process holds the lock. Error(cannot_create) where the file system has no locks.
bool try_lock(const Descriptor& file, const fs::path& lock_path) {
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return false;
        OROGRAPH_VALIDATE(errno == EINTR, ExitCode::cannot_create, "cannot lock ", lock_path, ": ", errno_text(),
                          "; choose a folder on a file system with locks");
    }
    return true;
}

// False where the side file was removed, or made anew, between opening and locking: the lock then protects nothing.
bool still_named(const Descriptor& file, const fs::path& lock_path) {
    struct stat opened {};
    struct stat named {};
    if (::fstat(file.get(), &opened) != 0 || ::stat(lock_path.c_str(), &named) != 0) return false;
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// One attempt. -1 where the side file changed meanwhile.
int acquire_once(const fs::path& path, const fs::path& lock_path) {
    Descriptor file(lock_path, O_RDWR | O_CREAT);
    OROGRAPH_VALIDATE(file.is_open(), ExitCode::cannot_create, "cannot create ", lock_path, ": ", errno_text(),
                      "; choose a folder that can be written to");
    if (!try_lock(file, lock_path)) {
        const auto holder = read_holder(file);
        throw Error(ExitCode::cannot_create, cat("another job (", holder.empty() ? "unknown" : holder, ") holds ", path,
                                                 "; wait until it ends, or choose another file"));
    }
    if (!still_named(file, lock_path)) return -1;
    write_holder(file);
    return file.release();
}

}  // namespace

FileLock::FileLock(const fs::path& path) : lock_path_(path.string() + ".lock") {
    create_parent_folders(path);
    while (descriptor_ < 0) descriptor_ = acquire_once(path, lock_path_);
}

// Removes the side file while still holding it: whoever opened it before sees in still_named() that it is gone.
FileLock::~FileLock() {
    if (descriptor_ < 0) return;
    ::unlink(lock_path_.c_str());
    ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept
    : lock_path_(std::move(other.lock_path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(lock_path_, other.lock_path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

}  // namespace orograph
