#pragma once

#include "paged_image.hpp"

#include "orograph/h5/handle.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace orograph::h5 {

// An HDF5 file in memory, new or from an image of one, through a file driver of our own: HDF5's "core" driver needs as much memory as the file.
class MemoryFile {
public:
    // HDF5 looks whether `free_path` exists, which it must not, and does not touch it.
    explicit MemoryFile(const std::filesystem::path& free_path);
    // The same with the contents of another file. Error(data): not HDF5, or damaged; `shown_as` names it.
    MemoryFile(const std::filesystem::path& free_path, PagedImage image, const std::string& shown_as);

    Id get() const { return handle_.get(); }

    // Closes the file, of which nothing may be open any more. Its first file_bytes() bytes are the file's.
    const PagedImage& close();
    std::int64_t file_bytes() const;

private:
    std::unique_ptr<PagedImage> image_;  // outlives the handle, whose closing writes to it
    FileHandle handle_;
};

}  // namespace orograph::h5
