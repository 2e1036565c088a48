#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <thread>

namespace orograph::survey {

// Calls `bark` once, on a thread of its own, where it was not fed for limit_s seconds. Time in which the whole process stood still
// (SIGSTOP, a suspended job) does not count.
class Watchdog {
public:
    Watchdog(double limit_s, std::function<void()> bark);
    void feed() { fed_ = true; }

private:
    void watch(const std::stop_token& stop);

    const double limit_s_;
    const std::function<void()> bark_;
    std::atomic<bool> fed_ = false;
    std::jthread thread_;
};

}  // namespace orograph::survey
