#pragma once

#include "feeder.hpp"

#include "orograph/train/optimizer.hpp"

#include <string>
#include <utility>
#include <vector>

namespace orograph::train {

// Tensors that share storage with what they name.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// A network in training. Parameters and gradient are one flat vector each, of which every tensor of the network is a view: the optimizer is
// a few calls on whole vectors.
class Learner {
public:
    Learner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device);

    // One optimizer step on the batch's mean cross-entropy, BN normalising with the batch; returns the loss before it. Where that is not
    // finite the parameters stay as they are.
    double step(const Batch& batch, double lr);

    const model::Weights& weights() const { return weights_; }
    Optimizer& optimizer() { return optimizer_; }
    // All that training changes: parameters, states, the optimizer's. Empty ones (a network without BN has no states) are left out.
    NamedTensors tensors() const;

private:
    const model::Network& network_;
    model::Weights weights_;
    at::Tensor gradient_;             // [P]
    std::vector<at::Tensor> leaves_;  // views of weights_.parameters whose grad() are views of gradient_
    std::vector<at::Tensor> states_;
    Optimizer optimizer_;
};

}  // namespace orograph::train
