#include "tensor_io.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/model/exported.hpp"
#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <ATen/ops/cross_entropy_loss.h>
#include <nlohmann/json.hpp>

#include <iostream>

// Answers exported.py: one JSON request a line on standard input, one JSON answer a line on standard output.
namespace {

using namespace orograph;
using nlohmann::json;
using testing_support::find_tensor;
using testing_support::to_file;

json names(const std::vector<model::TensorSpec>& specs) {
    json list = json::array();
    for (const model::TensorSpec& spec : specs) list.push_back(spec.name);
    return list;
}

// Logits, the gradients of their mean cross-entropy (unless "gradients" is false), and the states after it, all in the request's dtype.
json answer(const json& request) {
    const std::string path = request.at("file");
    const model::Network network = model::load_exported(path);
    const model::Weights weights = model::load_weights(request.value("weights", path), network);
    const TensorFile input = read_safetensors(request.at("input").get<std::string>());
    const at::ScalarType type = request.at("dtype") == "float64" ? at::kDouble : at::kFloat;
    const bool training = request.value("training", false), gradients = request.value("gradients", true);

    std::vector<at::Tensor> parameters;
    for (const at::Tensor& view : model::views(weights.parameters, network.space.parameters))
        parameters.push_back(view.to(type, /*non_blocking=*/false, /*copy=*/true).requires_grad_(gradients));
    const at::Tensor states = weights.states.to(type);
    const at::Tensor logits =
        model::forward(network, parameters, model::views(states, network.space.states), find_tensor(input, "images").to(type),
                       training ? model::BatchNormMode::update_states : model::BatchNormMode::use_states);
    if (gradients) at::cross_entropy_loss(logits, find_tensor(input, "labels")).backward();

    TensorFile out{{}, {to_file("logits", logits)}};
    for (std::size_t k = 0; gradients && k < parameters.size(); ++k) {
        const at::Tensor gradient = parameters[k].grad();
        out.tensors.push_back(
            to_file("gradient." + network.space.parameters[k].name, gradient.defined() ? gradient : at::zeros_like(parameters[k])));
    }
    for (const model::TensorSpec& spec : network.space.states)
        out.tensors.push_back(to_file("state." + spec.name, states.narrow(0, spec.offset, spec.count).view(spec.shape)));
    write_safetensors(request.at("output").get<std::string>(), std::move(out));
    return {{"unmapped", network.graph ? model::unmapped_operator(*network.graph) : ""},
            {"classes", network.classes},
            {"multiply_adds", network.multiply_adds()},
            {"digest", network.digest},
            {"parameters", names(network.space.parameters)},
            {"states", names(network.space.states)}};
}

// Logits of the images at each of several checkpoints, float64.0, float32.0, float64.1 ... in the output.
json answer_points(const json& request) {
    const model::Network network = model::load_exported(request.at("file").get<std::string>());
    const at::Tensor images = find_tensor(read_safetensors(request.at("input").get<std::string>()), "images");
    TensorFile out;
    for (const json& point : request.at("points")) {
        const model::Weights weights = model::load_weights(point.get<std::string>(), network);
        const std::string number = std::to_string(out.tensors.size() / 2);
        for (const auto& [name, type] : {std::pair("float64.", at::kDouble), std::pair("float32.", at::kFloat)}) {
            const at::Tensor parameters = weights.parameters.to(type), states = weights.states.to(type);
            const at::Tensor logits =
                model::forward(network, model::views(parameters, network.space.parameters), model::views(states, network.space.states),
                               images.to(type), model::BatchNormMode::use_states);
            out.tensors.push_back(to_file(name + number, logits));
        }
    }
    write_safetensors(request.at("output").get<std::string>(), std::move(out));
    return {{"unmapped", network.graph ? model::unmapped_operator(*network.graph) : ""}};
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        json reply;
        try {
            const json request = json::parse(line);
            reply = request.contains("points") ? answer_points(request) : answer(request);
        } catch (const Error& error) {
            reply = {{"error", error.what()}, {"code", static_cast<int>(error.code())}};
        } catch (const std::exception& error) {
            reply = {{"error", error.what()}, {"code", -1}};
        }
        std::cout << reply.dump() << std::endl;
    }
}
