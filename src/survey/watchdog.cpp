#include "watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace orograph::survey {

Watchdog::Watchdog(double limit_s, std::function<void()> bark)
    : limit_s_(limit_s), bark_(std::move(bark)), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void Watchdog::watch(const std::stop_token& stop) {
    const std::chrono::duration<double> look(std::clamp(limit_s_ / 10, 0.001, 1.0));
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    double hungry_s = 0;
    while (hungry_s <= limit_s_) {
        stopped.wait_for(lock, stop, look, [] { return false; });
        if (stop.stop_requested()) return;
        hungry_s = fed_.exchange(false) ? 0 : hungry_s + look.count();
    }
    bark_();
}

}  // namespace orograph::survey
