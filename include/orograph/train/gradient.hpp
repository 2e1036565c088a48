#pragma once

#include "orograph/par/communicator.hpp"
#include "orograph/train/learner.hpp"

#include <vector>

namespace orograph::train {

// The gradient of a network's training loss at weights that move: one flat vector, of which every tensor's gradient is a view.
class Gradient {
public:
    // The weights' storage is shared: compute() is at what they hold then. Without states batch norm normalises as in training, but keeps
    // no statistics. `network` must outlive the gradient; `seed` is of dropout.
    Gradient(const model::Network& network, const model::Weights& weights, std::uint64_t seed, const par::Communicator& team);

    // Collective over the team. The mean cross-entropy of the whole batch, of which each rank has its share; its gradient is then in
    // values() unless it is not finite. Each rank normalises with its share; the BN statistics move to the shares' weighted mean. `step`
    // chooses the dropout masks.
    double compute(const Batch& batch, std::int64_t step);

    at::Tensor& values() { return values_; }  // [P]

private:
    double differentiate(const Batch& batch, std::int64_t step);
    double average(double loss, double fraction);

    const model::Network& network_;
    par::Communicator team_;
    std::uint64_t seed_;
    at::Tensor values_;
    at::Tensor flat_states_;          // [S], or [0]
    std::vector<at::Tensor> leaves_;  // views of the parameters whose grad() are views of values_
    std::vector<at::Tensor> states_;  // undefined without states
};

}  // namespace orograph::train
