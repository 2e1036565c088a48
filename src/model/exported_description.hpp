#pragma once

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace orograph::model {

// A size that may depend on the batch's: factor * B + offset.
struct Size {
    std::int64_t factor = 0, offset = 0;

    std::int64_t at(std::int64_t batch) const { return factor * batch + offset; }
    bool operator==(const Size&) const = default;
};
using Shape = std::vector<Size>;

// One operator's call as the file tells it; its arguments are not looked at yet.
struct DescribedNode {
    std::string name;
    std::string op, overload;  // "aten::max_pool2d", ""
    std::vector<nlohmann::json> arguments;
    nlohmann::json keywords;    // an object
    std::vector<Shape> shapes;  // of its results
};

// The graph of an export, version 1.
struct Description {
    std::string module;
    std::array<std::int64_t, 3> image{};  // C, H, W
    std::vector<std::string> parameters, states, state_dict;
    bool trains = false;  // whether the graph still shows dropout and batch norm
    std::string input;    // what nodes call the images
    std::vector<DescribedNode> nodes;
    nlohmann::json output;
};

// Fault that says which member is not what it should be.
Description parse_description(const std::string& text);

// A number, or {"batch": [a, b]}.
Size parse_size(const nlohmann::json& json);

}  // namespace orograph::model
