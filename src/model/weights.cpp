#include "orograph/model/weights.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/random.hpp"
#include "orograph/core/safetensors.hpp"

#include <cmath>
#include <span>

namespace orograph::model {
namespace {

std::span<const float> values_of(const at::Tensor& flat, const TensorSpec& spec) {
    return {flat.const_data_ptr<float>() + spec.offset, static_cast<std::size_t>(spec.count)};
}

// Fills one tensor of the flat parameters from its own stream of random numbers, which no other tensor touches.
class Initializer {
public:
    Initializer(const Network& network, const at::Tensor& parameters, std::uint64_t seed)
        : specs_(network.space.parameters), data_(parameters.data_ptr<float>()), seed_(seed) {}

    void fill_kaiming_normal(int tensor, std::int64_t fan_in) {
        const double deviation = std::sqrt(2.0 / static_cast<double>(fan_in));
        const CounterRandom random = stream(tensor);
        fill(tensor, [&](std::uint64_t k) { return deviation * random.normal(k); });
    }

    void fill_uniform(int tensor, std::int64_t fan_in) {
        const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
        const CounterRandom random = stream(tensor);
        fill(tensor, [&](std::uint64_t k) { return bound * (2.0 * random.uniform(k) - 1.0); });
    }

    void fill_constant(int tensor, double value) {
        fill(tensor, [value](std::uint64_t) { return value; });
    }

    // Inputs that one output of a convolution or linear layer adds up.
    std::int64_t fan_in(int weight) const {
        const TensorSpec& spec = specs_[static_cast<std::size_t>(weight)];
        return spec.count / spec.shape[0];
    }

private:
    CounterRandom stream(int tensor) const { return {seed_, static_cast<std::uint64_t>(tensor)}; }

    template <class Value>
    void fill(int tensor, const Value& value) {
        const TensorSpec& spec = specs_[static_cast<std::size_t>(tensor)];
        for (std::int64_t k = 0; k < spec.count; ++k) data_[spec.offset + k] = static_cast<float>(value(static_cast<std::uint64_t>(k)));
    }

    const std::vector<TensorSpec>& specs_;
    float* data_;
    std::uint64_t seed_;
};

void initialize_op(const Op& op, Initializer& init) {
    if (op.kind == OpKind::batch_norm) {
        if (op.weight >= 0) init.fill_constant(op.weight, 1.0);
        if (op.bias >= 0) init.fill_constant(op.bias, 0.0);
    } else if (op.weight >= 0) {
        const std::int64_t fan_in = init.fan_in(op.weight);
        if (op.kind == OpKind::conv2d) {
            init.fill_kaiming_normal(op.weight, fan_in);
        } else {
            init.fill_uniform(op.weight, fan_in);
        }
        if (op.bias >= 0) init.fill_uniform(op.bias, fan_in);
    }
}

FileTensor to_file_tensor(const TensorSpec& spec, const at::Tensor& flat) {
    const auto bytes = std::as_bytes(values_of(flat, spec));
    return {spec.name, "F32", spec.shape, {bytes.begin(), bytes.end()}};
}

Weights on_cpu(const Weights& weights) {
    return {weights.parameters.detach().to(at::kCPU).contiguous(), weights.states.detach().to(at::kCPU).contiguous()};
}

}  // namespace

std::vector<at::Tensor> views(const at::Tensor& flat, const std::vector<TensorSpec>& specs) {
    OROGRAPH_EXPECT(flat.dim() == 1 && flat.is_contiguous());
    std::vector<at::Tensor> tensors;
    tensors.reserve(specs.size());
    for (const TensorSpec& spec : specs) tensors.push_back(flat.narrow(0, spec.offset, spec.count).view(spec.shape));
    return tensors;
}

at::Tensor initial_states(const Network& network) {
    at::Tensor states = at::zeros({network.space.state_count()}, at::kFloat);
    for (const Op& op : network.ops) {
        if (op.running_var < 0) continue;
        const TensorSpec& variance = network.space.states[static_cast<std::size_t>(op.running_var)];
        states.narrow(0, variance.offset, variance.count).fill_(1.0);
    }
    return states;
}

Weights initial_weights(const Network& network, std::uint64_t seed) {
    Weights weights{at::empty({network.space.parameter_count()}, at::kFloat), initial_states(network)};
    Initializer init(network, weights.parameters, seed);
    for (const Op& op : network.ops) initialize_op(op, init);
    return weights;
}

void save_weights(const std::filesystem::path& path, const Network& network, const Weights& weights,
                  const std::map<std::string, std::string>& metadata) {
    const Weights host = on_cpu(weights);
    std::map<std::string, FileTensor> by_name;
    for (const TensorSpec& spec : network.space.parameters) by_name[spec.name] = to_file_tensor(spec, host.parameters);
    for (const TensorSpec& spec : network.space.states) by_name[spec.name] = to_file_tensor(spec, host.states);
    for (const std::string& name : network.space.counters) by_name[name] = {name, "I64", {}, std::vector<std::byte>(sizeof(std::int64_t))};

    TensorFile file{metadata, {}};
    for (const std::string& name : network.space.state_dict_order) file.tensors.push_back(std::move(by_name.at(name)));
    write_safetensors(path, std::move(file));
}

std::string fingerprint(const Network& network, const Weights& weights) {
    const Weights host = on_cpu(weights);
    Fingerprint digest;
    for (const TensorSpec& spec : network.space.parameters) digest.add(spec.name).add_values(values_of(host.parameters, spec));
    for (const TensorSpec& spec : network.space.states) digest.add(spec.name).add_values(values_of(host.states, spec));
    return digest.hex();
}

}  // namespace orograph::model
