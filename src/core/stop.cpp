#include "orograph/core/stop.hpp"

#include <csignal>

namespace orograph {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void request_stop(int) {
    requested.store(true, std::memory_order_relaxed);
}

}  // namespace

// System calls are not restarted, so that a wait ends and its loop looks at the flag.
void install_stop_handlers() {
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
        struct sigaction action {};
        action.sa_handler = request_stop;
        action.sa_flags = signal == SIGINT ? SA_RESETHAND : 0;
        sigaction(signal, &action, nullptr);
    }
}

bool stop_requested() {
    return requested.load(std::memory_order_relaxed);
}

}  // namespace orograph
