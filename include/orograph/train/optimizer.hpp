#pragma once

#include "orograph/train/trainer.hpp"

#include <torch/types.h>

#include <vector>

namespace orograph::train {

// The update rules of torch.optim.SGD and torch.optim.Adam over one flat parameter vector [P].
class Optimizer {
public:
    Optimizer(const Recipe& recipe, std::int64_t parameter_count, at::Device device);

    // parameters -= ...; gradient [P] may be changed.
    void step(at::Tensor& parameters, at::Tensor& gradient, double lr);

    // The state to checkpoint: names, tensors (same order at load), and the number of steps taken.
    std::vector<std::pair<std::string, at::Tensor>> tensors() const;
    std::int64_t steps() const { return steps_; }
    void set_steps(std::int64_t steps) { steps_ = steps; }

private:
    Recipe recipe_;
    std::int64_t steps_ = 0;
    at::Tensor first_;   // momentum buffer, or Adam's first moment
    at::Tensor second_;  // Adam's second moment
};

}  // namespace orograph::train
