#pragma once

#include "orograph/model/network.hpp"

#include <torch/types.h>

#include <vector>

namespace orograph::model {

enum class BatchNormMode {
    use_states,    // evaluation: normalise with the states
    update_states  // training: normalise with the batch, move the states in place
};

// Logits [B, classes] of images [B, C, 32, 32], one LibTorch call per operation: the plain network, and the oracle of the fused evaluators.
// `parameters` and `states` are the tensors of network.space in order (views()), all of one dtype (float32 or float64) and device; autograd
// flows through.
at::Tensor forward(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
                   const at::Tensor& images, BatchNormMode mode);

}  // namespace orograph::model
