#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/data/dataset.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>

// Answers cifar_python.py: one JSON request a line on standard input (set, folder, splits, where to put images and labels), one JSON answer
// a line on standard output.
namespace {

using namespace orograph;
using nlohmann::json;

json answer(const json& request) {
    try {
        const auto splits = request.at("splits").get<std::vector<std::string>>();
        const data::Dataset dataset =
            data::load({.set = request.at("set"), .folder = request.at("folder").get<std::string>(), .splits = splits});
        std::ofstream file(request.at("output").get<std::string>(), std::ios::binary);
        json sizes = json::array();
        for (const data::Split& split : dataset.splits) {
            sizes.push_back(split.size());
            for (const at::Tensor& tensor : {split.images, split.labels})
                file.write(static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
        }
        return {{"code", 0}, {"message", ""}, {"sizes", sizes}, {"fingerprint", dataset.fingerprint}};
    } catch (const Error& error) {
        return {{"code", static_cast<int>(error.code())}, {"message", error.what()}};
    }
}

}  // namespace

int main() {
    log::configure(log::Level::info, 0);
    for (std::string line; std::getline(std::cin, line);)
        std::cout << answer(json::parse(line)).dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
}
