#include "orograph/par/shared_folder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/host.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>

namespace orograph::par {

namespace {

// An empty file beside `output`, of a name that nobody has used, removed at the end.
class Marker {
public:
    explicit Marker(const std::filesystem::path& output) {
        const auto folder = output.parent_path();
        const auto prefix = cat(".", output.filename().string(), ".marker-");
        remove_left_over(folder, prefix);
        const auto now = std::chrono::system_clock::now().time_since_epoch().count();
        path_ = folder / cat(prefix, getpid(), "-", now);
        const int descriptor = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        OROGRAPH_VALIDATE(descriptor >= 0, ExitCode::cannot_create, "cannot create a file in ", folder.string(), " (",
                          std::generic_category().message(errno), "); choose another output");
        ::close(descriptor);
    }
    ~Marker() { ::unlink(path_.c_str()); }
    Marker(const Marker&) = delete;
    Marker& operator=(const Marker&) = delete;

    std::string name() const { return path_.filename().string(); }

private:
    // By jobs that were killed.
    static void remove_left_over(const std::filesystem::path& folder, const std::string& prefix) {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
            if (entry.path().filename().string().starts_with(prefix)) std::filesystem::remove(entry.path(), ignored);
        }
    }

    std::filesystem::path path_;
};

}  // namespace

void require_shared_folder(const Communicator& comm, const std::filesystem::path& output) {
    if (comm.size() == 1) return;
    const auto folder = output.has_parent_path() ? output.parent_path() : std::filesystem::path(".");
    std::optional<Marker> marker;
    std::string name;
    on_root(comm, [&] {
        marker.emplace(folder / output.filename());
        name = marker->name();
    });
    broadcast(comm, name, 0);
    agree(comm, [&] {
        std::error_code ignored;
        OROGRAPH_VALIDATE(std::filesystem::exists(folder / name, ignored), ExitCode::cannot_create, "the output folder ", folder.string(),
                          " of rank ", comm.rank(), " on ", host_name(),
                          " is not the one of rank 0; choose one on a file system that all hosts share");
    });
}

}  // namespace orograph::par
