#pragma once

#include "orograph/landscape/curve.hpp"
#include "orograph/train/learner.hpp"
#include "orograph/train/trainer.hpp"

#include <array>
#include <memory>

namespace orograph::landscape {

// A curve before its training.
struct CurveStart {
    CurveKind kind = CurveKind::bezier;
    std::array<model::Weights, 2> ends;  // of one network; CPU
    int bends = 1;                       // between the ends; they start on the straight segment: theta_j = (1-s) theta_0 + s theta_last
    std::array<bool, 2> fix_ends{true, true};  // false: that end is trained too
};

// The t of a training step: uniform in [0, 1), a function of the two numbers only.
double training_t(std::uint64_t seed, std::int64_t step);

// Trains a curve (Garipov et al. 2018, sec. 3): per step one t, the loss of phi(t) = sum_j c_j theta_j on the batch, which normalises
// itself, plus recipe.weight_decay / 2 |phi(t)|^2, and SGD with momentum on every point theta_j that is not fixed, whose gradient is c_j
// times that of phi. No state of batch norm is kept. Judged at t = 1/2. tensors(): what is trained, "bends" [F * P], and its momentum.
// No files per epoch. At the end: bend-0.safetensors ... of all points, ends too, each a checkpoint of `network` (a fixed end has its given
// batch-norm states, another point means 0 and variances 1); curve.safetensors, the same in the authors' form; curve.yaml last, the index.
// `network` must outlive the learner. Error(config): nothing to train, or an optimizer other than sgd.
std::unique_ptr<train::Learner> make_curve_learner(const model::Network& network, const CurveStart& start, const train::Recipe& recipe,
                                                   at::Device device, const par::Communicator& team = {});

}  // namespace orograph::landscape
