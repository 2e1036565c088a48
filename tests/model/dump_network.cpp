#include "tensor_io.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <ATen/ops/cross_entropy_loss.h>
#include <nlohmann/json.hpp>

#include <iostream>

// Answers model_agreement.py: one JSON request a line on standard input, one JSON answer a line on standard output.
namespace {

using namespace orograph;
using nlohmann::json;
using testing_support::find_tensor;
using testing_support::to_file;

json describe(const std::vector<model::TensorSpec>& specs) {
    json list = json::array();
    for (const model::TensorSpec& spec : specs) list.push_back({spec.name, spec.shape});
    return list;
}

json describe(const model::Network& network) {
    return {{"parameters", describe(network.space.parameters)},
            {"states", describe(network.space.states)},
            {"parameter_count", network.space.parameter_count()},
            {"state_dict", network.space.state_dict_order},
            {"multiply_adds", network.multiply_adds()}};
}

// Logits of "images", in evaluation mode and in the request's dtype.
void write_logits(const model::Network& network, const json& request) {
    const model::Weights weights = model::load_weights(request.at("weights").get<std::string>(), network);
    const at::Tensor images = find_tensor(read_safetensors(request.at("input").get<std::string>()), "images");
    const at::ScalarType type = request.at("dtype") == "float64" ? at::kDouble : at::kFloat;
    const at::Tensor logits =
        model::forward(network, model::views(weights.parameters.to(type), network.space.parameters),
                       model::views(weights.states.to(type), network.space.states), images.to(type), model::BatchNormMode::use_states);
    write_safetensors(request.at("output").get<std::string>(), {{}, {to_file("logits", logits)}});
}

// One training step's logits, gradients and moved states, without dropout; computed in float64, written as float32.
void write_step(const model::Network& network, const json& request) {
    const model::Weights weights = model::load_weights(request.at("weights").get<std::string>(), network);
    const TensorFile input = read_safetensors(request.at("input").get<std::string>());
    const at::Tensor states = weights.states.to(at::kDouble);
    std::vector<at::Tensor> parameters;
    for (const at::Tensor& view : model::views(weights.parameters, network.space.parameters)) {
        parameters.push_back(view.to(at::kDouble).requires_grad_());
    }
    const at::Tensor logits = model::forward(network, parameters, model::views(states, network.space.states),
                                             find_tensor(input, "images").to(at::kDouble), model::BatchNormMode::update_states);
    at::cross_entropy_loss(logits, find_tensor(input, "labels")).backward();

    TensorFile out{{}, {to_file("logits", logits.to(at::kFloat))}};
    for (std::size_t k = 0; k < parameters.size(); ++k) {
        out.tensors.push_back(to_file("gradient." + network.space.parameters[k].name, parameters[k].grad().to(at::kFloat)));
    }
    for (const model::TensorSpec& spec : network.space.states) {
        out.tensors.push_back(to_file(spec.name, states.narrow(0, spec.offset, spec.count).to(at::kFloat)));
    }
    write_safetensors(request.at("output").get<std::string>(), std::move(out));
}

json answer(const json& request) {
    const model::Network network = model::build_network(request.at("architecture"), request.at("channels"), request.at("classes"));
    const std::string action = request.at("action");
    if (action == "describe") return describe(network);
    if (action == "initial") {
        const model::Weights weights = model::initial_weights(network, request.at("seed"));
        model::save_weights(request.at("output").get<std::string>(), network, weights, {{"architecture", network.architecture}});
    } else if (action == "logits") {
        write_logits(network, request);
    } else if (action == "step") {
        write_step(network, request);
    } else {
        return {{"error", "unknown action"}};
    }
    return json::object();
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        json reply;
        try {
            reply = answer(json::parse(line));
        } catch (const std::exception& error) {
            reply = {{"error", error.what()}};
        }
        std::cout << reply.dump() << std::endl;
    }
}
