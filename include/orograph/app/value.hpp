#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orograph::app {

// A YAML document as a plain tree. Unlike yaml-cpp's nodes it keeps duplicate keys out, aliases bounded, and knows where each value came
// from.
struct Value {
    enum class Kind { null, scalar, sequence, map };
    struct Entry;

    Kind kind = Kind::null;
    std::string scalar;
    std::vector<Value> items;        // sequence
    std::vector<Entry> entries;      // map, in order
    int line = 0;                    // 1-based, 0: not from the file
    bool from_command_line = false;  // given by --set: its errors are usage errors

    const Value* find(std::string_view key) const;  // null where a map has no such key
};

struct Value::Entry {
    std::string key;
    Value value;
};

// Parses one YAML document of at most 1 MiB and 100,000 nodes. `origin` names it in messages. Error(config): not YAML, a duplicate key, a
// key that is not a scalar, more than one document, too large once aliases are followed.
Value parse_yaml(const std::string& text, const std::string& origin);

// Applies "section.key=value" (the value is YAML) to the tree, making sections as needed. Error(usage) where it is not of that form.
void apply_override(Value& root, const std::string& assignment);

}  // namespace orograph::app
