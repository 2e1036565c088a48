#include "compute_thread.hpp"

namespace orograph::survey {

ComputeThread::ComputeThread(const Grid& points, landscape::Measurement& measurement)
    : points_(points), measurement_(measurement), thread_([this] { work(); }) {}

// Cancels the point in hand and joins.
ComputeThread::~ComputeThread() {
    cancel();
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    queue_changed_.notify_one();
    thread_.join();
}

void ComputeThread::push(PointIndex point) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(point);
    }
    queue_changed_.notify_one();
}

// The next finished partial, in the order of push().
std::optional<Partial> ComputeThread::take() {
    const std::lock_guard lock(mutex_);
    if (results_.empty()) return std::nullopt;
    auto partial = std::move(results_.front());
    results_.pop_front();
    return partial;
}

// Throws what Measurement::partial() threw, which ended the work.
void ComputeThread::rethrow_error() {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
}

// Forever: drops the queue and the point in hand; finished partials can still be taken.
void ComputeThread::cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_.cancel();
    queue_.clear();
}

// Nothing queued, in hand, or to be taken.
bool ComputeThread::idle() {
    const std::lock_guard lock(mutex_);
    return queue_.empty() && !computing_ && results_.empty();
}

// Sleeps until a point has ended since the last wait(), one way or another, at most `longest`.
void ComputeThread::wait(std::chrono::microseconds longest) {
    std::unique_lock lock(mutex_);
    something_happened_.wait_for(lock, longest, [this] { return happened_; });
    happened_ = false;
}

void ComputeThread::work() {
    try {
        while (const auto work = next()) deliver(compute(*work));
    } catch (...) {
        fail(std::current_exception());
    }
}

Partial ComputeThread::compute(const Work& work) {
    const auto coordinates = points_.coordinates(work.point);
    const auto following = work.following ? points_.coordinates(*work.following) : std::vector<double>();
    return {work.point, measurement_.partial(coordinates, following, cancelled_)};
}

std::optional<ComputeThread::Work> ComputeThread::next() {
    std::unique_lock lock(mutex_);
    queue_changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (closing_) return std::nullopt;
    Work work{queue_.front()};
    queue_.pop_front();
    if (!queue_.empty()) work.following = queue_.front();
    computing_ = true;
    return work;
}

// Wakes the owner for points that end within microseconds only now and then, and for the last one.
void ComputeThread::deliver(Partial partial) {
    const auto now = std::chrono::steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        computing_ = false;
        if (!cancelled_.cancelled()) results_.push_back(std::move(partial));
        if (!queue_.empty() && now - last_wake_ < std::chrono::microseconds(200)) return;
        last_wake_ = now;
        happened_ = true;
    }
    something_happened_.notify_one();
}

void ComputeThread::fail(std::exception_ptr error) {
    {
        const std::lock_guard lock(mutex_);
        computing_ = false;
        happened_ = true;
        error_ = std::move(error);
    }
    something_happened_.notify_one();
}

}  // namespace orograph::survey
