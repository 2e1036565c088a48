#pragma once

#include "orograph/core/safetensors.hpp"
#include "orograph/model/network.hpp"

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace orograph::model {

// A point of weight space: parameters [P] and states [S], float32, contiguous, one device.
struct Weights {
    at::Tensor parameters;
    at::Tensor states;

    Weights clone() const { return {parameters.clone(), states.clone()}; }
    Weights to(at::Device device) const { return {parameters.to(device), states.to(device)}; }
};

// Views of each tensor in a flat vector, in the shapes of `specs`; they share its storage.
std::vector<at::Tensor> views(const at::Tensor& flat, const std::vector<TensorSpec>& specs);

// Fresh weights: convolutions Kaiming normal, fan-in (He et al. 2015; Li et al. 2018 sec. A), linear layers uniform +-1/sqrt(fan_in) as
// PyTorch's default for weight and bias, conv biases likewise; BN weight 1, bias 0, mean 0, variance 1. Drawn by the counter-based
// generator, stream = the tensor's position.
Weights initial_weights(const Network& network, std::uint64_t seed);

// BN means 0 and variances 1, [S]. CPU.
at::Tensor initial_states(const Network& network);

// Reads a checkpoint: safetensors or a file of torch.save, by its content (docs/design/checkpoints.md). `source` is "FILE", and after it
// "#bend=1" for a bend of a curve, "#key=NAME" for one of several state_dicts, "#prefix=NAME." for one of several sets of tensors in it. Names
// lose prefixes and what wrappers add; float16, bfloat16 and float64 become float32, said in one log line; tensors left over beside the
// network's are named in one warning. CPU. Error(data), one line: what in the file is damaged or no weights; or all missing, unexpected,
// misshapen, wrongly typed and non-finite tensors; or which choices there are. Error(no_input) where the file is missing, Error(config) for
// another word after the #.
Weights load_weights(const std::filesystem::path& source, const Network& network);

// Writes safetensors in state_dict order, num_batches_tracked (int64, 0) included so that PyTorch's strict load accepts it; metadata is
// kept in the header.
void save_weights(const std::filesystem::path& path, const Network& network, const Weights& weights,
                  const std::map<std::string, std::string>& metadata);

// Writes a curve as the program of Garipov et al. 2018 keeps it (github.com/timgaripov/dnn-mode-connectivity, curves.py):
// net.<layer>.weight_j of each bend j under that program's names of layers, BN statistics that are those of no bend (means 0, variances 1),
// and `coefficients`, the tensors of its coeff_layer. In safetensors; load_weights() reads it back as FILE#bend=j.
void save_curve(const std::filesystem::path& path, const Network& network, const std::vector<Weights>& bends,
                const std::vector<FileTensor>& coefficients, const std::map<std::string, std::string>& metadata);

// Digest of every parameter and state with its name.
std::string fingerprint(const Network& network, const Weights& weights);

}  // namespace orograph::model
