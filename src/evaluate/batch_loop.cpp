#include "batch_loop.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

namespace orograph::evaluate {

namespace {

// The first parallel operation of a thread sets its count to the process's; asked for here, it cannot undo ours later.
void compute_alone() {
    at::get_num_threads();
    at::set_num_threads(1);
}

// at::set_num_threads sets OpenMP's and MKL's counts of the calling thread, which is meant here, and also the count that threads started
// later begin with: the caller's is put back.
std::unique_ptr<WorkerPool> make_single_threaded_workers(int threads) {
    const int callers = at::get_num_threads();
    auto pool = std::make_unique<WorkerPool>(threads, compute_alone);
    at::set_num_threads(callers);
    return pool;
}

}  // namespace

BatchLoop::BatchLoop(int threads) : pool_(make_single_threaded_workers(threads)) {}

std::vector<BatchSum> BatchLoop::run(std::int64_t batches, const CancelToken& cancel,
                                     const std::function<BatchSum(int, std::int64_t)>& sum_batch) {
    std::vector<BatchSum> sums(static_cast<std::size_t>(batches));
    std::atomic<std::int64_t> next{0};
    pool_->run([&](int worker) {
        const c10::InferenceMode inference;
        while (!cancel.cancelled()) {
            const std::int64_t batch = next.fetch_add(1);
            if (batch >= batches) return;
            sums[static_cast<std::size_t>(batch)] = sum_batch(worker, batch);
        }
    });
    sums.resize(static_cast<std::size_t>(std::min(batches, next.load())));
    return sums;
}

void BatchLoop::for_each(std::int64_t count, const std::function<void(int, std::int64_t)>& task) {
    std::atomic<std::int64_t> next{0};
    pool_->run([&](int worker) {
        for (std::int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) task(worker, i);
    });
}

}  // namespace orograph::evaluate
