#include "worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>

namespace orograph::evaluate {

namespace {

TEST(WorkerPool, EachWorkerPreparesOnceAndRunsEveryTaskOnce) {
    constexpr int workers = 3, rounds = 1000;
    std::atomic<int> prepared{0};
    WorkerPool pool(workers, [&] { ++prepared; });
    EXPECT_EQ(prepared, workers);
    std::vector<int> runs(workers, 0);
    std::vector<std::set<std::thread::id>> threads(workers);
    for (int round = 0; round < rounds; ++round)
        pool.run([&](int worker) {
            ++runs[worker];
            threads[worker].insert(std::this_thread::get_id());
        });
    EXPECT_EQ(runs, std::vector<int>(workers, rounds));
    for (const auto& ids : threads) EXPECT_EQ(ids.size(), 1U);
    EXPECT_EQ(prepared, workers);
}

TEST(WorkerPool, AnExceptionReachesTheCallerAndThePoolGoesOn) {
    WorkerPool pool(3, [] {});
    std::atomic<int> finished{0};
    const auto failing = [&](int worker) {
        if (worker == 1) throw std::runtime_error("worker 1");
        ++finished;
    };
    EXPECT_THROW(pool.run(failing), std::runtime_error);
    EXPECT_EQ(finished, 2);
    pool.run([&](int) { ++finished; });
    EXPECT_EQ(finished, 5);
}

TEST(WorkerPool, AnExceptionInPreparationReachesTheConstructorsCaller) {
    EXPECT_THROW(WorkerPool(2, [] { throw std::runtime_error("prepare"); }), std::runtime_error);
}

}  // namespace

}  // namespace orograph::evaluate
