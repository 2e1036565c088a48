#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// A network as a list of operations over a flat parameter space. One description serves training, the Reference evaluator (which runs it
// operation by operation) and the Compiled evaluator (which fuses it). Free of torch.
namespace orograph::model {

// One tensor of the flat space: elements [offset, offset + count) of the parameter or state vector, C order.
struct TensorSpec {
    std::string name;  // as in the PyTorch state_dict, "layer1.0.conv1.weight"
    std::vector<std::int64_t> shape;
    std::int64_t offset = 0;
    std::int64_t count = 0;
};

// Parameters in the order of PyTorch's named_parameters(); states are the BN running_mean and running_var, in the order of named_buffers().
// num_batches_tracked is not a state: it takes no part in any computation; `counters` holds its names for export.
struct ParameterSpace {
    std::vector<TensorSpec> parameters;
    std::vector<TensorSpec> states;
    std::vector<std::string> counters;

    std::int64_t parameter_count() const { return parameters.empty() ? 0 : parameters.back().offset + parameters.back().count; }
    std::int64_t state_count() const { return states.empty() ? 0 : states.back().offset + states.back().count; }
    // All names in the order of PyTorch's state_dict() (each module's parameters, then its buffers).
    std::vector<std::string> state_dict_order;
};

enum class OpKind { input, conv2d, linear, batch_norm, relu, add, max_pool, avg_pool, flatten, concat, dropout, pad_channels };

// One operation; its result is a tensor [B, C, H, W] (after flatten and linear [B, C], given here as {C, 1, 1}).
struct Op {
    OpKind kind = OpKind::input;
    std::string name;                         // the PyTorch module's path ("layer1.0.conv1"); empty for those without tensors
    std::vector<int> inputs;                  // earlier operations
    std::array<std::int64_t, 3> shape{};      // C, H, W of the result
    int kernel = 1, stride = 1, padding = 0;  // conv2d and pools
    int groups = 1;                           // conv2d
    double probability = 0;                   // dropout, training; the identity in evaluation
    bool ceil_mode = false;                   // max_pool
    std::array<std::int64_t, 2> zeros{};      // pad_channels: channels of zeros before and behind the input's
    double epsilon = 1e-5;                    // batch_norm
    double momentum = 0.1;                    // batch_norm, training
    int weight = -1, bias = -1;               // indices into space.parameters, -1: none
    int running_mean = -1, running_var = -1;  // indices into space.states
};

struct AtenGraph;

struct Network {
    std::string architecture;
    int channels = 0;
    int classes = 0;
    std::vector<Op> ops;  // topological order, ops[0] is the input, the last gives the logits
    ParameterSpace space;
    std::string digest;                      // of an exported network: of its graph and constants; else empty
    std::shared_ptr<const AtenGraph> graph;  // an exported network that ops cannot express, which then hold the input alone; else null

    // Multiply-adds of one image's forward pass (convolutions and linear layers).
    std::int64_t multiply_adds() const;
};

// Every architecture's name.
const std::vector<std::string>& known_architectures();

// Where an architecture is described, "He et al. 2016; Li et al. 2018". Error(config) for another name.
const std::string& paper_of(const std::string& architecture);

// Builds, for 32x32 images,
//   resnet{20,32,44,56,110}  He et al. 2016 sec. 4.2 with 1x1 projections, as Li et al. 2018
//   each of these five with _a  the shortcuts without parameters of the same section (option A): every second pixel, and zeros for the
//     channels that are missing, half of them before and half behind
//   wrn56_{2,4,8}, wrn110_{2,4}  the same, 2, 4 or 8 times as wide, the first convolution too
//   resnet{18,34}, resnet{50,101,152}  64 to 512 planes of basic or bottleneck blocks, first convolution 3x3
//   each of these but _a with _noshort  without shortcuts; resnet50_16_noshort  the 50 layers of the first kind, only without
//   vgg9, densenet121  Li et al. 2018
//   vgg{16,19}, vgg{16,19}bn  Garipov et al. 2018, with all 13 or 16 convolutions
//   preresnet{110,164}, wrn28_10 (their WideResNet28x10), convfc  Garipov et al. 2018
//   lenet5  LeCun et al. 1998 with ReLU and max pooling, as conv1, conv2, fc1, fc2, fc3
//   mlp  hidden 256, 128, as fc1, fc2, fc3
// Error(config) for another name, with the nearest one.
Network build_network(const std::string& architecture, int channels, int classes);

// Returns the architectures with `channels` and `classes` that have the same tensors as `space` by name and shape, whatever their order:
// weights of one load into the other.
std::vector<std::string> architectures_with(const ParameterSpace& space, int channels, int classes);

}  // namespace orograph::model
