#include "worker_pool.hpp"

namespace orograph::evaluate {

WorkerPool::WorkerPool(int workers, const std::function<void()>& prepare) {
    threads_.reserve(static_cast<std::size_t>(workers));
    for (int worker = 0; worker < workers; ++worker) threads_.emplace_back([this, worker] { work(worker); });
    try {
        run([&](int) { prepare(); });
    } catch (...) {
        end();
        throw;
    }
}

WorkerPool::~WorkerPool() {
    end();
}

void WorkerPool::end() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(const std::function<void(int)>& task) {
    std::unique_lock lock(mutex_);
    task_ = &task;
    busy_ = size();
    failure_ = nullptr;
    ++round_;
    wake_.notify_all();
    idle_.wait(lock, [this] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
}

void WorkerPool::work(int worker) {
    std::uint64_t done = 0;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return ending_ || round_ != done; });
            if (ending_) return;
            done = round_;
        }
        call(worker);
        const std::lock_guard lock(mutex_);
        if (--busy_ == 0) idle_.notify_one();
    }
}

void WorkerPool::call(int worker) {
    try {
        (*task_)(worker);
    } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
    }
}

}  // namespace orograph::evaluate
