#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace orograph {

// The whole file. Error(no_input) where it is missing or unreadable or a folder, Error(data) where it is larger than max_bytes.
// `what` names the file's role in the message ("weights").
std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max_bytes, std::string_view what);

// The whole gzip or plain file, decompressed; the output is refused (Error(data)) when it is not exactly expected_bytes, and before memory
// is taken for it where no file of this size can hold as much.
std::vector<std::byte> read_gzip(const std::filesystem::path& path, std::uint64_t expected_bytes, std::string_view what);

// Writes beside, fsyncs, renames over `path`, fsyncs the folder; missing parent folders are created.
// Error(cannot_create) where the file cannot be created, Error(io) where writing fails; then nothing is left behind.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// fsyncs a file or folder by path. Error(io).
void sync_path(const std::filesystem::path& path);

// How many bytes this user can still write where `path` is or would be, in the nearest folder that exists. Nothing where the file system
// does not say.
std::optional<double> free_bytes(const std::filesystem::path& path);

// Creates the parent folders of `path`, Error(cannot_create) with the reason.
void create_parent_folders(const std::filesystem::path& path);

// An exclusive advisory lock on the side file `path`.lock, freed by the kernel when the process dies, the side file removed on
// release. Error(cannot_create) where another process holds it.
class FileLock {
public:
    explicit FileLock(const std::filesystem::path& path);
    ~FileLock();
    FileLock(FileLock&&) noexcept;
    FileLock& operator=(FileLock&&) noexcept;

private:
    std::filesystem::path lock_path_;
    int descriptor_ = -1;
};

}  // namespace orograph
