#include "export_rules.hpp"

#include "export_rules_text.hpp"

#include <nlohmann/json.hpp>

namespace orograph::model {
namespace {

ExportRules parse_rules() {
    const nlohmann::json json = nlohmann::json::parse(export_rules_text);
    ExportRules rules{};
    json.at("most_nodes").get_to(rules.most_nodes);
    json.at("most_rank").get_to(rules.most_rank);
    json.at("longest_list").get_to(rules.longest_list);
    json.at("longest_text").get_to(rules.longest_text);
    json.at("most_values").get_to(rules.most_values);
    json.at("most_classes").get_to(rules.most_classes);
    json.at("largest_size").get_to(rules.largest_size);
    json.at("inner_operators").get_to(rules.inner_operators);
    json.at("refused_beginnings").get_to(rules.refused_beginnings);
    json.at("text_arguments").get_to(rules.text_arguments);
    json.at("sized_by_values").get_to(rules.sized_by_values);
    return rules;
}

}  // namespace

const ExportRules& export_rules() {
    static const ExportRules rules = parse_rules();
    return rules;
}

}  // namespace orograph::model
