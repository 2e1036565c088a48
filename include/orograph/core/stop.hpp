#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>

namespace orograph {

// SIGTERM, SIGINT and SIGUSR1 ask the program to stop early: finish or drop the work in hand, flush, exit with ExitCode::stopped.
// The handler only sets a flag. A second SIGINT ends the process at once.
void install_stop_handlers();
// The signals end the program at once again: for commands that have nothing to save.
void remove_stop_handlers();
bool stop_requested();

// A file `halt` in a folder, for people who cannot send the program a signal: `touch FOLDER/halt`. One that was there before does not count
// until it is touched again.
class HaltFile {
public:
    explicit HaltFile(const std::filesystem::path& folder);
    bool appeared();  // looks once a second, and remembers; from any thread

private:
    std::optional<std::filesystem::file_time_type> time() const;

    std::filesystem::path path_;
    std::optional<std::filesystem::file_time_type> before_;
    std::mutex mutex_;  // guards all below
    std::chrono::steady_clock::time_point last_look_;
    bool appeared_ = false;
};

// A flag that long computations look at between small steps; set from another thread.
class CancelToken {
public:
    void cancel() { flag_.store(true, std::memory_order_relaxed); }
    void reset() { flag_.store(false, std::memory_order_relaxed); }
    bool cancelled() const { return flag_.load(std::memory_order_relaxed); }

private:
    std::atomic<bool> flag_{false};
};

}  // namespace orograph
