#pragma once

#include "worker_pool.hpp"

#include "orograph/evaluate/evaluator.hpp"

namespace orograph::evaluate {

// Batches over worker threads. Each worker computes with one thread, in LibTorch and in oneDNN, so that a batch's bits depend on nothing
// but the batch, and no worker waits for another.
class BatchLoop {
public:
    explicit BatchLoop(int threads);

    int threads() const { return pool_->size(); }

    // sum_batch(worker, batch) of batches 0, 1, ..., which the workers take one by one; the results in that order. Once `cancel` is set
    // none is begun: the sums of those that were.
    std::vector<BatchSum> run(std::int64_t batches, const CancelToken& cancel, const std::function<BatchSum(int, std::int64_t)>& sum_batch);

    // task(worker, i) of i = 0 .. count-1, likewise.
    void for_each(std::int64_t count, const std::function<void(int, std::int64_t)>& task);

private:
    std::unique_ptr<WorkerPool> pool_;
};

}  // namespace orograph::evaluate
