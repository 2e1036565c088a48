#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/model/weights.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>

// Answers checkpoints.py: one JSON request a line on standard input (names and shapes that a network would have, a file of weights, where
// to put the numbers), one JSON answer a line on standard output.
namespace {

using namespace orograph;
using nlohmann::json;

std::vector<model::TensorSpec> specs_of(const json& list) {
    std::vector<model::TensorSpec> specs;
    std::int64_t offset = 0;
    for (const json& entry : list) {
        model::TensorSpec spec{entry[0], entry[1], offset, 1};
        for (const std::int64_t size : spec.shape) spec.count *= size;
        offset += spec.count;
        specs.push_back(spec);
    }
    return specs;
}

// A network with tensors and no operations: loading weights needs no more.
model::Network network_of(const json& request) {
    model::Network network;
    network.architecture = "test";
    network.channels = 1;
    network.classes = 10;
    network.space.parameters = specs_of(request.at("parameters"));
    network.space.states = specs_of(request.at("states"));
    network.space.counters = request.at("counters").get<std::vector<std::string>>();
    for (const auto* specs : {&network.space.parameters, &network.space.states})
        for (const model::TensorSpec& spec : *specs) network.space.state_dict_order.push_back(spec.name);
    for (const std::string& name : network.space.counters) network.space.state_dict_order.push_back(name);
    return network;
}

void write_raw(const std::string& path, const model::Weights& weights) {
    std::ofstream file(path, std::ios::binary);
    for (const at::Tensor& flat : {weights.parameters, weights.states})
        file.write(static_cast<const char*>(flat.const_data_ptr()), static_cast<std::streamsize>(flat.nbytes()));
}

// Of this program alone: getrusage() counts in what its parent had.
long peak_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word != "VmHWM:") continue;
        long kib = 0;
        status >> kib;
        return kib;
    }
    return -1;
}

json answer(const json& request, const model::Network& network) {
    try {
        const model::Weights weights = model::load_weights(request.at("weights").get<std::string>(), network);
        write_raw(request.at("output"), weights);
        return {{"code", 0}, {"message", ""}};
    } catch (const Error& error) {
        return {{"code", static_cast<int>(error.code())}, {"message", error.what()}};
    }
}

}  // namespace

int main() {
    log::configure(log::Level::info, 0);
    std::string line;
    std::getline(std::cin, line);
    const model::Network network = network_of(json::parse(line));
    while (std::getline(std::cin, line)) {
        json reply = answer(json::parse(line), network);
        reply["peak_kib"] = peak_kib();
        std::cout << reply.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
    }
}
