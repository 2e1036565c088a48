#pragma once

#include "orograph/h5/group.hpp"
#include "orograph/par/communicator.hpp"

#include <filesystem>
#include <functional>
#include <memory>

namespace orograph::h5 {

// An open HDF5 file, format bounds V18 (checksummed metadata, no "open for write" flag), without HDF5's file locks and sieve buffer.
class File {
public:
    // Serial, of any format. Error(no_input): missing, unreadable, a folder. Error(data): not HDF5, cut short, damaged.
    // While it is open, a crash of the process is blamed on it, and the process can take no more memory than 2 GiB and 64 times the file.
    static File open(const std::filesystem::path& path);

    // Collective over comm. Opens an existing file on every rank for independent raw-data writes, through MPI-IO, or with the serial driver
    // for the null communicator. The datasets taken from it must be gone before close().
    static File open_shared(const par::Communicator& comm, const std::filesystem::path& path);

    File(File&&) noexcept = default;
    File& operator=(File&&) = delete;
    ~File();

    Group root() const;

    // Collective where the file was opened by open_shared(). Error(io). Without it a shared file stays open: closing it is collective, and
    // a rank that unwinds alone would hang there.
    void close();

private:
    enum class Closing { at_destruction, explicit_only };
    File(FileHandle handle, std::string shown_as, std::int64_t bytes, Closing closing);

    std::shared_ptr<const void> guards_;  // of open(); outlive the handle
    FileHandle handle_;
    std::string shown_as_;  // in messages
    std::int64_t bytes_;
    Closing closing_;
};

// The name under which create_atomically() works on `path`: `.NAME.creating` beside it.
std::filesystem::path creation_path(const std::filesystem::path& path);

// Serial. Lets `fill` write into the root group of a new HDF5 file in memory, writes it beside `path`, fsyncs, renames it to `path`, fsyncs
// the folder: `path` is the old file or the complete new one at every instant. In memory, because HDF5 does not survive a full disk: its
// close fails and the library crashes later. Missing parent folders are created. Error(cannot_create): no permission. Error(io): the disk
// is full. Nothing is left behind then.
void create_atomically(const std::filesystem::path& path, const std::function<void(Group)>& fill);

// The same for a file that is there: `change` works on a copy in memory, which replaces it. Nobody may have it open. Error(no_input),
// Error(data) of the file.
void change_atomically(const std::filesystem::path& path, const std::function<void(Group)>& change);

// "1.10.8", for the provenance.
std::string library_version();

}  // namespace orograph::h5
