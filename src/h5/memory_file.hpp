#pragma once

#include "orograph/h5/handle.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace orograph::h5 {

// A new HDF5 file in memory. Its bytes are taken where the driver would free them at closing: H5Fget_file_image clears a flag of the
// superblock without its checksum (1.10.8), and until closing the flag says "open for writing".
class MemoryFile {
public:
    // HDF5 looks whether `free_path` exists, which it must not, and does not touch it.
    explicit MemoryFile(const std::filesystem::path& free_path);
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    Id get() const { return handle_.get(); }

    // Closes the file. The bytes belong to this object. Nothing of the file may be open any more.
    std::span<const std::byte> close();

private:
    struct Memory;
    std::unique_ptr<Memory> memory_;  // outlives the handle, whose closing writes to it
    FileHandle handle_;
};

}  // namespace orograph::h5
