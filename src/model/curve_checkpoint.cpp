#include "layer_names.hpp"

#include "orograph/core/safetensors.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/weights.hpp"

#include <cstddef>
#include <map>
#include <span>

namespace orograph::model {
namespace {

FileTensor float_tensor(const std::string& name, const TensorSpec& spec, const at::Tensor& flat) {
    const auto bytes = std::as_bytes(std::span(flat.const_data_ptr<float>() + spec.offset, static_cast<std::size_t>(spec.count)));
    return {name, "F32", spec.shape, {bytes.begin(), bytes.end()}};
}

std::vector<at::Tensor> parameters_of(const std::vector<Weights>& bends) {
    std::vector<at::Tensor> parameters;
    for (const Weights& bend : bends) parameters.push_back(bend.parameters.detach().to(at::kCPU).contiguous());
    return parameters;
}

}  // namespace

void save_curve(const std::filesystem::path& path, const Network& network, const std::vector<Weights>& bends,
                const std::vector<FileTensor>& coefficients, const std::map<std::string, std::string>& metadata) {
    const std::vector<at::Tensor> parameters = parameters_of(bends);
    const at::Tensor states = initial_states(network);
    std::map<std::string, const TensorSpec*> parameter_specs, state_specs;
    for (const TensorSpec& spec : network.space.parameters) parameter_specs[spec.name] = &spec;
    for (const TensorSpec& spec : network.space.states) state_specs[spec.name] = &spec;

    TensorFile file{metadata, coefficients};
    for (const std::string& name : network.space.state_dict_order) {
        const std::string theirs = cat("net.", curve_name(name, network));
        if (const auto found = parameter_specs.find(name); found != parameter_specs.end()) {
            for (std::size_t j = 0; j < bends.size(); ++j)
                file.tensors.push_back(float_tensor(cat(theirs, "_", j), *found->second, parameters[j]));
        } else if (const auto state = state_specs.find(name); state != state_specs.end()) {
            file.tensors.push_back(float_tensor(theirs, *state->second, states));
        } else {
            file.tensors.push_back({theirs, "I64", {}, std::vector<std::byte>(sizeof(std::int64_t))});
        }
    }
    write_safetensors(path, std::move(file));
}

}  // namespace orograph::model
