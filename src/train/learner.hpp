#pragma once

#include "feeder.hpp"

#include "orograph/par/communicator.hpp"
#include "orograph/train/optimizer.hpp"

#include <string>
#include <utility>
#include <vector>

namespace orograph::train {

// Tensors that share storage with what they name.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// A network in training. Parameters and gradient are one flat vector each, of which every tensor of the network is a view: the optimizer is
// a few calls on whole vectors. The ranks of a team hold equal learners: each takes the gradient of its share of a batch, BN normalising
// with that share, and the weighted mean of gradients and of BN statistics is everybody's.
class Learner {
public:
    Learner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device,
            const par::Communicator& team);

    // Collective over the team. One optimizer step on the batch's mean cross-entropy, with the dropout masks of this step; returns the loss
    // before it. Where that is not finite the parameters stay as they are.
    double step(const Batch& batch, double lr);

    // Collective over the team. Rank 0's tensors() replace everybody's.
    void broadcast();

    const model::Weights& weights() const { return weights_; }
    Optimizer& optimizer() { return optimizer_; }
    // All that training changes: parameters, states, the optimizer's. Empty ones (a network without BN has no states) are left out.
    NamedTensors tensors() const;

private:
    double differentiate(const Batch& batch);
    double average(double loss, double fraction);

    const model::Network& network_;
    par::Communicator team_;
    std::uint64_t seed_;
    model::Weights weights_;
    at::Tensor gradient_;             // [P]
    std::vector<at::Tensor> leaves_;  // views of weights_.parameters whose grad() are views of gradient_
    std::vector<at::Tensor> states_;
    Optimizer optimizer_;
};

}  // namespace orograph::train
