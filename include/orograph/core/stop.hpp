#pragma once

#include <atomic>

namespace orograph {

// SIGTERM, SIGINT and SIGUSR1 ask the program to stop early: finish or drop the work in hand, flush, exit with ExitCode::stopped.
// The handler only sets a flag. A second SIGINT ends the process at once.
void install_stop_handlers();
bool stop_requested();

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
