#pragma once

#include "orograph/model/network.hpp"

#include <string>
#include <utility>
#include <vector>

namespace orograph::model {

struct ConvOptions {
    std::int64_t channels = 0;  // of the result
    int kernel = 3, stride = 1, padding = 1;
    int groups = 1;  // divides the channels read and those of the result
    bool bias = false;
};

struct PoolOptions {
    int kernel = 2, stride = 2;
    bool ceil_mode = false;
};

// Appends operations to a network, each after those that it reads. Infers the shapes and registers every tensor under its PyTorch name,
// in PyTorch's order provided that the calls follow the order in which the PyTorch module registers its children.
// Every operation is named by its number in Network::ops; 0 is the input, [channels, 32, 32].
class NetworkBuilder {
public:
    NetworkBuilder(const std::string& architecture, int channels, int classes);

    int conv(int from, const std::string& name, const ConvOptions& options);
    int batch_norm(int from, const std::string& name, double momentum = 0.1);
    int linear(int from, const std::string& name, std::int64_t outputs);
    int relu(int from);
    int add(int first, int second);
    int max_pool(int from, const PoolOptions& options);
    int avg_pool(int from, int kernel);  // stride = kernel
    int flatten(int from);
    int concat(const std::vector<int>& parts);                             // along the channels
    int pad_channels(int from, std::int64_t before, std::int64_t behind);  // with zeros
    int dropout(int from, double probability);                             // in [0, 1)

    std::int64_t channels_of(int op) const { return network_.ops[static_cast<std::size_t>(op)].shape[0]; }
    int classes() const { return network_.classes; }
    Network finish() && { return std::move(network_); }

private:
    Op make_op(OpKind kind, const std::string& name, const std::vector<int>& inputs) const;
    int append(Op op);
    int add_parameter(const std::string& name, const std::vector<std::int64_t>& shape);
    int add_state(const std::string& name, const std::vector<std::int64_t>& shape);
    int add_tensor(std::vector<TensorSpec>& specs, const std::string& name, const std::vector<std::int64_t>& shape);

    Network network_;
};

}  // namespace orograph::model
