#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orograph::model {

// What an export may hold: python/orograph/export_rules.json, by which orograph.export refuses to write what the program would refuse to
// read.
struct ExportRules {
    std::size_t most_nodes, most_rank, longest_list, longest_text;
    std::int64_t most_values;   // of one image in one result
    std::int64_t most_classes;  // logits of one image
    std::int64_t largest_size;
    std::vector<std::string> inner_operators;     // those of a leading underscore that are run all the same: functions of their arguments
    std::vector<std::string> refused_beginnings;  // memory as it happens to be, beside a tensor's numbers, or outside of tensors
    std::vector<std::string> text_arguments;      // arguments that may be texts: none of them names a file
    std::vector<std::string> sized_by_values;     // of operators whose results may take their sizes from values, those that need not
};

const ExportRules& export_rules();

inline bool contains(const std::vector<std::string>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
}

}  // namespace orograph::model
