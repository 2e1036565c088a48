#pragma once

#include "orograph/core/stop.hpp"
#include "orograph/data/dataset.hpp"
#include "orograph/model/network.hpp"
#include "orograph/model/weights.hpp"

#include <functional>
#include <vector>

namespace orograph::evaluate {

// The batch-norm statistics that weights have on given images, as Evaluator::recalibrate() defines them.
class Recalibration {
public:
    // Keeps the images on `device`. Errors as of Evaluator::set_recalibration().
    Recalibration(const model::Network& network, const data::Split& images, std::int64_t batch, at::Device device);

    std::int64_t images_of(std::int64_t batch) const { return std::min(batch_, images_.size(0) - batch * batch_); }

    // The means and unbiased variances [S] of one batch's values before each batch norm, by the plain network in training mode.
    std::vector<double> plain_states(const model::Weights& weights, std::int64_t batch) const;

    // Calls task(worker, i) of i = 0 ... count-1, in any order and by any threads.
    using Run = std::function<void(std::int64_t count, const std::function<void(int, std::int64_t)>& task)>;
    using BatchStates = std::function<std::vector<double>(int worker, std::int64_t batch)>;

    // The states [S] of `weights` on their device, from those of each batch. Undefined where `cancel` was set before all were there. A
    // network without batch norm keeps its (empty) states.
    at::Tensor states(const model::Weights& weights, const Run& run, const BatchStates& of_batch, const CancelToken& cancel) const;

private:
    model::Network network_;
    std::int64_t batch_;
    at::Tensor images_;
};

}  // namespace orograph::evaluate
