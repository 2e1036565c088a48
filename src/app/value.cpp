#include "orograph/app/value.hpp"

#include "orograph/core/error.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <sstream>

namespace orograph::app {

namespace {

constexpr std::size_t max_bytes = 1 << 20;
constexpr int max_nodes = 100'000;
constexpr int max_depth = 64;

class Converter {
public:
    Converter(std::string origin, ExitCode code) : origin_(std::move(origin)), code_(code) {}

    Value convert(const YAML::Node& node, int depth = 0) {
        text_bytes_ += node.IsScalar() ? node.Scalar().size() : 0;
        OROGRAPH_VALIDATE(++nodes_ <= max_nodes && text_bytes_ <= max_bytes && depth <= max_depth, code_, origin_,
                          ": too large or too deep once its aliases are followed; write it out without YAML aliases");
        Value value;
        value.line = node.Mark().line + 1;
        if (node.IsScalar()) {
            value.kind = Value::Kind::scalar;
            value.scalar = node.Scalar();
        } else if (node.IsSequence()) {
            value.kind = Value::Kind::sequence;
            for (const auto& item : node) value.items.push_back(convert(item, depth + 1));
        } else if (node.IsMap()) {
            value.kind = Value::Kind::map;
            std::set<std::string> keys;
            for (const auto& entry : node) value.entries.push_back({new_key(entry.first, keys), convert(entry.second, depth + 1)});
        }
        return value;
    }

private:
    // A key that is not among `keys` yet.
    std::string new_key(const YAML::Node& key, std::set<std::string>& keys) {
        const int line = key.Mark().line + 1;
        OROGRAPH_VALIDATE(key.IsScalar(), code_, origin_, ":", line, ": a key must be a word");
        OROGRAPH_VALIDATE(keys.insert(key.Scalar()).second, code_, origin_, ":", line, ": the key '", key.Scalar(),
                          "' is there twice; keep one");
        text_bytes_ += key.Scalar().size();
        return key.Scalar();
    }

    std::string origin_;
    ExitCode code_;
    int nodes_ = 0;
    std::size_t text_bytes_ = 0;  // of all scalars: an alias to a long one is short
};

// Takes no notice of what a document holds.
class Ignore : public YAML::EventHandler {
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}
};

// Not with YAML::LoadAll(), which finds no end of documents in " &a,[1]" (yaml-cpp 0.7).
bool has_second_document(const std::string& text) {
    std::istringstream in(text);
    YAML::Parser parser(in);
    Ignore ignore;
    return parser.HandleNextDocument(ignore) && parser.HandleNextDocument(ignore);
}

Value parse(const std::string& text, const std::string& origin, ExitCode code) {
    OROGRAPH_VALIDATE(text.size() <= max_bytes, code, origin, ": larger than 1 MiB, so it is hardly a configuration");
    try {
        OROGRAPH_VALIDATE(!has_second_document(text), code, origin, ": holds 2 YAML documents or more; keep one");
        return Converter(origin, code).convert(YAML::Load(text));
    } catch (const YAML::Exception& error) {
        throw Error(code, cat(origin, ":", error.mark.line + 1, ": not valid YAML (", error.msg, ")"));
    }
}

void mark_from_command_line(Value& value) {
    value.from_command_line = true;
    value.line = 0;
    for (auto& item : value.items) mark_from_command_line(item);
    for (auto& entry : value.entries) mark_from_command_line(entry.value);
}

Value& entry_of(Value& map, const std::string& key) {
    for (auto& entry : map.entries) {
        if (entry.key == key) return entry.value;
    }
    return map.entries.emplace_back(Value::Entry{key, {}}).value;
}

}  // namespace

const Value* Value::find(std::string_view key) const {
    for (const auto& entry : entries) {
        if (entry.key == key) return &entry.value;
    }
    return nullptr;
}

Value parse_yaml(const std::string& text, const std::string& origin) {
    return parse(text, origin, ExitCode::config);
}

void apply_override(Value& root, const std::string& assignment) {
    const auto equals = assignment.find('=');
    OROGRAPH_VALIDATE(equals != std::string::npos && equals > 0, ExitCode::usage, "--set ", assignment,
                      ": not of the form section.key=value (as in --set output.file=out/a.h5)");
    const std::string path = assignment.substr(0, equals);
    Value* value = &root;
    std::size_t start = 0;
    while (true) {
        const auto dot = path.find('.', start);
        const std::string key = path.substr(start, dot == std::string::npos ? dot : dot - start);
        OROGRAPH_VALIDATE(!key.empty(), ExitCode::usage, "--set ", assignment, ": an empty name between the dots");
        OROGRAPH_VALIDATE(value->kind == Value::Kind::map || value->kind == Value::Kind::null, ExitCode::usage, "--set ", assignment, ": '",
                          path.substr(0, start ? start - 1 : 0), "' has no keys below it");
        value->kind = Value::Kind::map;
        value->from_command_line = value->from_command_line || value->entries.empty();
        value = &entry_of(*value, key);
        if (dot == std::string::npos) break;
        start = dot + 1;
    }
    *value = parse(assignment.substr(equals + 1), "--set " + assignment, ExitCode::usage);
    mark_from_command_line(*value);
}

}  // namespace orograph::app
