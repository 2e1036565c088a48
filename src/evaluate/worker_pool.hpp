#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace orograph::evaluate {

// Threads that live as long as the pool and sleep between tasks.
class WorkerPool {
public:
    // Each worker runs `prepare` first; the constructor returns when all have.
    WorkerPool(int workers, const std::function<void()>& prepare);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    int size() const { return static_cast<int>(threads_.size()); }

    // Runs task(worker) on every worker, worker = 0..size()-1, and waits for all; then rethrows what the first one threw. One caller at a
    // time.
    void run(const std::function<void(int)>& task);

private:
    void end();
    void work(int worker);
    void call(int worker);

    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    const std::function<void(int)>* task_ = nullptr;  // of the present round
    std::uint64_t round_ = 0;
    int busy_ = 0;
    bool ending_ = false;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

}  // namespace orograph::evaluate
