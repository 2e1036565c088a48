#pragma once

#include "orograph/model/network.hpp"

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace orograph::model {

enum class BatchNormMode {
    use_states,     // evaluation: normalise with the states
    update_states,  // training: normalise with the batch, move the states in place by each batch norm's momentum
    replace_states  // the same with momentum 1: the batch's statistics take the place of the states, which must be finite
};

// A batch norm with running statistics.
struct BatchNorm {
    std::string name;                               // of the layer, or of an exported graph's node
    std::size_t running_mean = 0, running_var = 0;  // indices into space.states
    std::int64_t values = 0;                        // that it normalises together, a channel, of a batch of one image
};

// Returns all batch norms of a network in the order in which they run; one that it uses in several places comes several times. In a graph
// they are the operators whose statistics are states; whatever else reads states is no batch norm.
std::vector<BatchNorm> batch_norms(const Network& network);

// Where a training pass's dropout draws its masks: which values it zeroes depends on these, on the operation, and on the value's place in
// the whole batch, and on nothing else.
struct DropoutDraw {
    std::uint64_t seed = 0;
    std::uint64_t pass = 0;        // below 2^44; the training step
    std::int64_t first_image = 0;  // the place of images[0] in the whole batch, of which `images` may be a share
};

// Logits [B, classes] of images [B, C, 32, 32], one LibTorch call per operation: the plain network, and the oracle of the fused evaluators.
// `parameters` and `states` are the tensors of network.space in order (views()), all of one dtype (float32 or float64) and device; autograd
// flows through. Operators of Network::graph apart from batch norm do what they do in evaluation, so that update_states, which trains, is
// refused: Error(unavailable). Dropout is the identity where no draw is given; else it zeroes values with its probability and scales up the
// others (Srivastava et al. 2014 sec. 10).
at::Tensor forward(const Network& network, const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& states,
                   const at::Tensor& images, BatchNormMode mode, const std::optional<DropoutDraw>& dropout = std::nullopt);

}  // namespace orograph::model
