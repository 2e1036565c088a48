#include "watchdog.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>

namespace orograph::survey {
namespace {

using namespace std::chrono_literals;

TEST(Watchdog, BarksOnceWhereNobodyFeedsIt) {
    std::atomic<int> barks = 0;
    std::promise<void> barked;
    Watchdog dog(1, [&] {
        if (++barks == 1) barked.set_value();
    });
    const auto fed_until = std::chrono::steady_clock::now() + 1500ms;
    while (std::chrono::steady_clock::now() < fed_until) {
        dog.feed();
        std::this_thread::sleep_for(5ms);
    }
    EXPECT_EQ(barks, 0);
    barked.get_future().wait();
    std::this_thread::sleep_for(1500ms);
    EXPECT_EQ(barks, 1);
}

TEST(Watchdog, LeavesAtOnceAndSilent) {
    bool barked = false;
    {
        const Watchdog dog(1e9, [&] { barked = true; });
    }
    EXPECT_FALSE(barked);
}

}  // namespace
}  // namespace orograph::survey
