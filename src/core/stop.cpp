#include "orograph/core/stop.hpp"

#include <array>
#include <csignal>
#include <system_error>

namespace orograph {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void request_stop(int) {
    requested.store(true, std::memory_order_relaxed);
}

constexpr std::array stop_signals{SIGTERM, SIGINT, SIGUSR1};

}  // namespace

// System calls are not restarted, so that a wait ends and its loop looks at the flag.
void install_stop_handlers() {
    for (const int signal : stop_signals) {
        struct sigaction action {};
        action.sa_handler = request_stop;
        action.sa_flags = signal == SIGINT ? SA_RESETHAND : 0;
        sigaction(signal, &action, nullptr);
    }
}

void remove_stop_handlers() {
    for (const int signal : stop_signals) std::signal(signal, SIG_DFL);
}

bool stop_requested() {
    return requested.load(std::memory_order_relaxed);
}

HaltFile::HaltFile(const std::filesystem::path& folder) : path_(folder / "halt"), before_(time()), last_look_(std::chrono::steady_clock::now()) {}

bool HaltFile::appeared() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (appeared_ || now - last_look_ < std::chrono::seconds(1)) return appeared_;
    last_look_ = now;
    const auto found = time();
    return appeared_ = found && found != before_;
}

std::optional<std::filesystem::file_time_type> HaltFile::time() const {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path_, error);
    return error ? std::nullopt : std::optional(time);
}

}  // namespace orograph
