#include "exported_description.hpp"

#include "export_rules.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

namespace orograph::model {
namespace {

using Json = nlohmann::json;

constexpr int max_depth = 12;

const Json& member(const Json& object, const char* key) {
    require(object.is_object() && object.contains(key), "its graph has no ", quote(key), " where there should be one");
    return object[key];
}

std::string text(const Json& object, const char* key) {
    const Json& value = member(object, key);
    require(value.is_string(), quote(key), " in its graph is not a text");
    return value.get<std::string>();
}

const Json& list(const Json& object, const char* key, std::size_t longest) {
    const Json& value = member(object, key);
    require(value.is_array() && value.size() <= longest, quote(key), " in its graph is not a list of at most ", longest, " entries");
    return value;
}

std::vector<std::string> names(const Json& object, const char* key) {
    std::vector<std::string> out;
    for (const Json& name : list(object, key, export_rules().most_nodes)) {
        require(name.is_string(), quote(key), " in its graph holds what is no name");
        out.push_back(name.get<std::string>());
    }
    return out;
}

std::int64_t integer(const Json& json) {
    const std::int64_t largest = export_rules().largest_size;
    require(json.is_number_integer() && !(json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(largest)) &&
                json.get<std::int64_t>() >= -largest,
            "a size is not a whole number within bounds");
    return json.get<std::int64_t>();
}

DescribedNode parse_node(const Json& json) {
    DescribedNode node{text(json, "name"), text(json, "operator"), text(json, "overload"), {}, member(json, "keywords"), {}};
    try {
        for (const Json& argument : list(json, "arguments", export_rules().longest_list)) node.arguments.push_back(argument);
        require(node.keywords.is_object(), "its keywords are no object");
        for (const Json& shape : list(json, "shapes", export_rules().longest_list)) {
            require(shape.is_array() && shape.size() <= export_rules().most_rank, "its shape is not a list of at most ",
                    export_rules().most_rank, " sizes");
            node.shapes.emplace_back();
            for (const Json& size : shape) node.shapes.back().push_back(parse_size(size));
        }
    } catch (const Fault& fault) {
        throw Fault(cat("node ", quote(node.name), ": ", fault.what()));
    }
    return node;
}

Json parse_json(const std::string& text) {
    const auto guard = [](int depth, Json::parse_event_t, Json&) {
        require(depth <= max_depth, "its graph is nested more than ", max_depth, " deep");
        return true;
    };
    try {
        return Json::parse(text, guard);
    } catch (const Json::exception&) {
        throw Fault("its graph is not valid JSON");
    }
}

}  // namespace

Size parse_size(const Json& json) {
    if (!json.is_object()) return {0, integer(json)};
    const Json& pair = list(json, "batch", 2);
    require(pair.size() == 2, "a size that depends on the batch is not a pair of numbers");
    return {integer(pair[0]), integer(pair[1])};
}

Description parse_description(const std::string& graph) {
    const Json json = parse_json(graph);
    Description description;
    description.module = text(json, "module");
    const Json& image = list(json, "image", 3);
    require(image.size() == 3, "its images are not described by channels, height and width");
    for (std::size_t i = 0; i < 3; ++i) {
        description.image[i] = integer(image[i]);
        require(0 < description.image[i] && description.image[i] <= 1 << 16, "its images have a side of ", description.image[i]);
    }
    description.parameters = names(json, "parameters");
    description.states = names(json, "states");
    description.state_dict = names(json, "state_dict");
    require(member(json, "trains").is_boolean(), "'trains' in its graph is neither true nor false");
    description.trains = json["trains"].get<bool>();
    description.input = text(json, "input");
    for (const Json& node : list(json, "nodes", export_rules().most_nodes)) description.nodes.push_back(parse_node(node));
    description.output = member(json, "output");
    return description;
}

}  // namespace orograph::model
