#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/h5/file.hpp"

namespace orograph::h5 {

namespace {

void rename_over(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code error;
    std::filesystem::rename(from, to, error);
    OROGRAPH_VALIDATE(!error, ExitCode::cannot_create, "cannot create ", to.string(), " (", error.message(), ")");
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::filesystem::path creation_path(const std::filesystem::path& path) {
    return path.parent_path() / cat(".", path.filename().string(), ".creating");
}

void create_atomically(const std::filesystem::path& path, const std::function<void(Group)>& fill) {
    create_parent_folders(path);
    const auto temporary = creation_path(path);
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);  // of a run that was killed while creating
    try {
        auto file = File::create(temporary, path.string());
        fill(file.root());
        file.close();
        sync_path(temporary);
        rename_over(temporary, path);
    } catch (const Error& error) {
        std::filesystem::remove(temporary, ignored);
        if (error.code() != ExitCode::io) throw;
        throw Error(ExitCode::io, cat(error.what(), "; free some space there, or choose another place"));
    } catch (...) {
        std::filesystem::remove(temporary, ignored);
        throw;
    }
    sync_path(folder_of(path));
}

}  // namespace orograph::h5
