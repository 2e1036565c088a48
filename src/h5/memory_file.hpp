#pragma once

#include "orograph/h5/handle.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace orograph::h5 {

// An HDF5 file in memory, new or from an image of one. Its bytes are taken where the driver would free them at closing: H5Fget_file_image
// clears a flag of the superblock without its checksum (1.10.8), and until closing the flag says "open for writing".
class MemoryFile {
public:
    // HDF5 looks whether `free_path` exists, which it must not, and does not touch it.
    explicit MemoryFile(const std::filesystem::path& free_path);
    // The same with the contents of another file. Error(data): not HDF5, or damaged; `shown_as` names it.
    MemoryFile(const std::filesystem::path& free_path, std::span<const std::byte> image, const std::string& shown_as);
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
