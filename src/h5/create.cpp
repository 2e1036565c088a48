#include "access.hpp"
#include "memory_file.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/h5/file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>

namespace orograph::h5 {

namespace {

// Error(cannot_create), Error(io). `shown_as` is the name in messages.
void write_and_sync(const std::filesystem::path& path, const std::string& shown_as, MemoryFile& file) {
    errno = 0;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    OROGRAPH_VALIDATE(out.is_open(), ExitCode::cannot_create, "cannot create ", shown_as, " (", std::strerror(errno),
                      "); choose another place");
    const auto& image = file.close();
    image.for_each_part(file.file_bytes(), [&](std::span<const std::byte> part) {
        out.write(reinterpret_cast<const char*>(part.data()), std::ssize(part));
    });
    out.close();
    OROGRAPH_VALIDATE(!out.fail(), ExitCode::io, "cannot write ", shown_as, " (", std::strerror(errno),
                      "); free some space there, or choose another place");
    sync_path(path);
}

void rename_over(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code error;
    std::filesystem::rename(from, to, error);
    OROGRAPH_VALIDATE(!error, ExitCode::cannot_create, "cannot create ", to.string(), " (", error.message(), "); choose another place");
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// Writes the file that `make` fills under a name beside `path`, and renames it.
template <class Make>
void replace_atomically(const std::filesystem::path& path, const Make& make) {
    const auto temporary = creation_path(path);
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);  // of a run that was killed while writing
    try {
        const std::unique_ptr<MemoryFile> file = make(temporary);
        write_and_sync(temporary, path.string(), *file);
        rename_over(temporary, path);
    } catch (...) {
        std::filesystem::remove(temporary, ignored);
        throw;
    }
    sync_path(folder_of(path));
}

}  // namespace

std::filesystem::path creation_path(const std::filesystem::path& path) {
    return path.parent_path() / cat(".", path.filename().string(), ".creating");
}

void create_atomically(const std::filesystem::path& path, const std::function<void(Group)>& fill) {
    create_parent_folders(path);
    replace_atomically(path, [&](const auto& temporary) {
        auto file = std::make_unique<MemoryFile>(temporary);
        fill(root_of(file->get(), path.string(), 0));
        return file;
    });
}

void change_atomically(const std::filesystem::path& path, const std::function<void(Group)>& change) {
    const auto bytes = read_file(path, std::numeric_limits<std::int64_t>::max(), "HDF5 file");
    replace_atomically(path, [&](const auto& temporary) {
        PagedImage image;
        image.write(0, std::as_bytes(std::span(bytes)));
        auto file = std::make_unique<MemoryFile>(temporary, std::move(image), path.string());
        change(root_of(file->get(), path.string(), std::ssize(bytes)));
        return file;
    });
}

}  // namespace orograph::h5
