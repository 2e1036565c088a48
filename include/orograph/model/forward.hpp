#pragma once

#include "orograph/model/network.hpp"

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace orograph::model {

enum class BatchNormMode {
    use_states,    // evaluation: normalise with the states
    update_states  // training: normalise with the batch, move the states in place
};

// Where a training pass's dropout draws its masks: which values it zeroes depends on these, on the operation, and on the value's place in
// the whole batch, and on nothing else.
struct DropoutDraw {
    std::uint64_t seed = 0;
    std::uint64_t pass = 0;        // below 2^44; the training step
    std::int64_t first_image = 0;  // the place of images[0] in the whole batch, of which `images` may be a share
};

// Logits [B, classes] of images [B, C, 32, 32], one LibTorch call per operation: the plain network, and the oracle of the fused evaluators.
// `parameters` and `states` are the tensors of network.space in order (views()), all of one dtype (float32 or float64) and device; autograd
// flows through. Dropout is the identity where no draw is given; else it zeroes values with its probability and scales up the others
// (Srivastava et al. 2014 sec. 10).
at::Tensor forward(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
                   const at::Tensor& images, BatchNormMode mode, const std::optional<DropoutDraw>& dropout = std::nullopt);

}  // namespace orograph::model
