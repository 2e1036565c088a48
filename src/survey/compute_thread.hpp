#pragma once

#include "orograph/landscape/measurement.hpp"
#include "orograph/survey/grid.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace orograph::survey {

struct Partial {
    PointIndex point{};
    std::vector<double> values;
};

// A thread that runs Measurement::partial() on queued points, one after the other. The owner's thread calls everything here.
class ComputeThread {
public:
    ComputeThread(const Grid& points, landscape::Measurement& measurement);
    ~ComputeThread();
    ComputeThread(const ComputeThread&) = delete;
    ComputeThread& operator=(const ComputeThread&) = delete;

    void push(PointIndex point);
    std::optional<Partial> take();
    void rethrow_error();
    void cancel();
    bool idle();
    void wait(std::chrono::microseconds longest);

private:
    struct Work {
        PointIndex point{};
        std::optional<PointIndex> following;  // in the queue
    };
    void work();
    std::optional<Work> next();
    Partial compute(const Work& work);
    void deliver(Partial partial);
    void fail(std::exception_ptr error);

    const Grid& points_;
    landscape::Measurement& measurement_;
    CancelToken cancelled_;
    std::mutex mutex_;  // guards all below
    std::condition_variable queue_changed_, something_happened_;
    std::deque<PointIndex> queue_;
    std::deque<Partial> results_;
    std::exception_ptr error_;
    std::chrono::steady_clock::time_point last_wake_;
    bool computing_ = false, closing_ = false, happened_ = false;
    std::thread thread_;
};

}  // namespace orograph::survey
