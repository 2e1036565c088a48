#include "fresh_folder.hpp"

#include "orograph/core/stop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace orograph {
namespace {

// Ends the process with 0 where the flag is clear before the signals and set after each.
[[noreturn]] void raise_and_exit(std::initializer_list<int> signals) {
    install_stop_handlers();
    if (stop_requested()) std::_Exit(1);
    for (const int signal : signals) {
        std::raise(signal);
        if (!stop_requested()) std::_Exit(2);
    }
    std::_Exit(0);
}

TEST(Stop, RemovedHandlersLeaveTheSignalsTheirEffect) {
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
        const auto end = [signal] {
            install_stop_handlers();
            remove_stop_handlers();
            std::raise(signal);
            std::_Exit(0);
        };
        EXPECT_EXIT(end(), testing::KilledBySignal(signal), "");
    }
}

TEST(HaltFile, CountsWhenItAppearsOrIsTouchedAgain) {
    const testing_support::FreshFolder folder;
    const auto soon = [](HaltFile& halt) {
        for (int look = 0; look < 30 && !halt.appeared(); ++look) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return halt.appeared();
    };
    const auto touch = [&] { std::ofstream(folder.path() / "halt") << "x"; };
    HaltFile first(folder.path());
    EXPECT_FALSE(first.appeared());
    touch();
    EXPECT_TRUE(soon(first));
    HaltFile second(folder.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_FALSE(second.appeared());
    touch();
    EXPECT_TRUE(soon(second));
    HaltFile third(folder.path() / "missing");
    EXPECT_FALSE(third.appeared());
}

TEST(Stop, EachSignalSetsTheFlag) {
    EXPECT_EXIT(raise_and_exit({SIGTERM}), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(raise_and_exit({SIGINT}), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(raise_and_exit({SIGUSR1}), testing::ExitedWithCode(0), "");
}

TEST(Stop, OnlyASecondInterruptKills) {
    EXPECT_EXIT(raise_and_exit({SIGTERM, SIGTERM, SIGUSR1, SIGUSR1, SIGINT}), testing::ExitedWithCode(0), "");
    EXPECT_EXIT(raise_and_exit({SIGINT, SIGINT}), testing::KilledBySignal(SIGINT), "");
    EXPECT_EXIT(raise_and_exit({SIGTERM, SIGINT, SIGINT}), testing::KilledBySignal(SIGINT), "");
}

// Ends with 0 where a signal interrupts a read that would wait for ever.
[[noreturn]] void wait_and_exit() {
    install_stop_handlers();
    int ends[2];
    if (::pipe(ends) != 0) std::_Exit(1);
    const pthread_t reader = ::pthread_self();
    std::thread([reader] {
        while (true) {
            ::usleep(20000);
            ::pthread_kill(reader, SIGUSR1);
        }
    }).detach();
    char byte = 0;
    const auto count = ::read(ends[0], &byte, 1);
    std::_Exit(count == -1 && errno == EINTR && stop_requested() ? 0 : 2);
}

TEST(Stop, WaitsAreInterrupted) {
    EXPECT_EXIT(wait_and_exit(), testing::ExitedWithCode(0), "");
}

TEST(CancelToken, IsSetFromAnotherThread) {
    CancelToken token;
    EXPECT_FALSE(token.cancelled());
    std::thread([&] { token.cancel(); }).join();
    EXPECT_TRUE(token.cancelled());
    token.reset();
    EXPECT_FALSE(token.cancelled());
}

}  // namespace
}  // namespace orograph
