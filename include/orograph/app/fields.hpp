#pragma once

#include "orograph/app/value.hpp"
#include "orograph/core/error.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

// Each section of the configuration is a struct with a `visit(fields, section)` function that names its keys once, with default, limits and
// one line of documentation. FieldReader fills the struct from YAML, FieldWriter prints it: one list serves both.
namespace orograph::app {

struct Limits {
    double min = -std::numeric_limits<double>::max();
    double max = std::numeric_limits<double>::max();
};
inline constexpr Limits at_least_0{0};
inline constexpr Limits at_least_1{1};

// Keys and the values that each takes in turn (sweep), as YAML: "0.1", "[a.safetensors, b.safetensors]".
using Lists = std::vector<std::pair<std::string, std::vector<std::string>>>;

class FieldReader {
public:
    // `path` is the dotted name of the section ("evaluate"), `origin` the file.
    FieldReader(const Value* section, std::string path, std::string origin);

    void text(const std::string& key, std::string& out, const char* doc);
    void choice(const std::string& key, std::string& out, std::span<const std::string> words, const char* doc);
    void flag(const std::string& key, bool& out, const char* doc);
    void number(const std::string& key, double& out, Limits limits, const char* doc);
    void texts(const std::string& key, std::vector<std::string>& out, const char* doc);
    void numbers(const std::string& key, std::vector<double>& out, const char* doc);
    void lists(const std::string& key, Lists& out, const char* doc);
    void flags(const std::string& key, std::array<bool, 2>& out, const char* doc);

    template <class Integer>
    void integer(const std::string& key, Integer& out, Limits limits, const char*) {
        if (const Value* value = take(key)) out = static_cast<Integer>(integer_of(*value, key, narrowed<Integer>(limits)));
    }
    template <class Integer>
    void integers(const std::string& key, std::vector<Integer>& out, Limits limits, const char*) {
        const Value* value = take(key);
        if (!value) return;
        out.clear();
        for (const Value& item : items_of(*value, key))
            out.push_back(static_cast<Integer>(integer_of(item, key, narrowed<Integer>(limits))));
    }
    template <class Integer>
    void integer(const std::string& key, std::optional<Integer>& out, Limits limits, const char* doc) {
        if (!has(key)) return;
        out.emplace();
        integer(key, *out, limits, doc);
    }
    void numbers(const std::string& key, std::optional<std::vector<double>>& out, const char* doc) {
        if (!has(key)) return;
        out.emplace();
        numbers(key, *out, doc);
    }
    void number(const std::string& key, std::optional<double>& out, Limits limits, const char* doc) {
        if (!has(key)) return;
        out.emplace();
        number(key, *out, limits, doc);
    }
    void choice(const std::string& key, std::optional<std::string>& out, std::span<const std::string> words, const char* doc) {
        if (!has(key)) return;
        out.emplace();
        choice(key, *out, words, doc);
    }
    template <class Section>
    void section(const std::string& key, Section& out, const char*) {
        FieldReader inner(take(key), path_.empty() ? key : path_ + "." + key, origin_);
        visit(inner, out);
        inner.finish();
    }
    template <class Section>
    void section(const std::string& key, std::optional<Section>& out, const char* doc) {
        if (!has(key)) return;
        out.emplace();
        section(key, *out, doc);
    }

    // Error(config) (usage for a key of --set) where the section holds a key that was not asked for, with the nearest one that was.
    void finish() const;

private:
    template <class Integer>
    static Limits narrowed(Limits limits) {
        limits.min = std::max(limits.min, std::is_signed_v<Integer> ? -9.0e15 : 0.0);
        limits.max = std::min(limits.max, std::min(9.0e15, static_cast<double>(std::numeric_limits<Integer>::max())));
        return limits;
    }
    const Value* take(const std::string& key);  // null where absent
    bool has(const std::string& key);
    [[noreturn]] void fail(const Value& value, const std::string& key, const std::string& problem) const;
    double number_of(const Value& value, const std::string& key, Limits limits) const;
    std::int64_t integer_of(const Value& value, const std::string& key, Limits limits) const;
    bool flag_of(const Value& value, const std::string& key) const;
    const std::string& scalar_of(const Value& value, const std::string& key) const;
    std::string yaml_of(const Value& value, const std::string& key) const;
    const std::vector<Value>& items_of(const Value& value, const std::string& key) const;
    std::string name(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

    const Value* section_;
    std::string path_, origin_;
    std::vector<std::string> known_;
};

enum class Comments { with, without };

class FieldWriter {
public:
    explicit FieldWriter(Comments comments, int indent = 0) : comments_(comments), indent_(indent) {}

    void text(const std::string& key, const std::string& value, const char* doc);
    void choice(const std::string& key, const std::string& value, std::span<const std::string> words, const char* doc);
    void flag(const std::string& key, bool value, const char* doc);
    void number(const std::string& key, double value, Limits, const char* doc);
    void texts(const std::string& key, const std::vector<std::string>& values, const char* doc);
    void numbers(const std::string& key, const std::vector<double>& values, const char* doc);
    void lists(const std::string& key, const Lists& lists, const char* doc);
    void flags(const std::string& key, const std::array<bool, 2>& values, const char* doc);
    void numbers(const std::string& key, const std::optional<std::vector<double>>& values, const char* doc) {
        values ? numbers(key, *values, doc) : absent(key, doc);
    }
    void number(const std::string& key, const std::optional<double>& value, Limits limits, const char* doc) {
        value ? number(key, *value, limits, doc) : absent(key, doc);
    }
    void choice(const std::string& key, const std::optional<std::string>& value, std::span<const std::string> words, const char* doc) {
        value ? choice(key, *value, words, doc) : absent(key, cat(doc, *doc ? ": " : "", join(words, " | ")).c_str());
    }
    template <class Integer>
    void integer(const std::string& key, Integer value, Limits, const char* doc) {
        line(key, std::to_string(value), doc);
    }
    template <class Integer>
    void integer(const std::string& key, const std::optional<Integer>& value, Limits limits, const char* doc) {
        value ? integer(key, *value, limits, doc) : absent(key, doc);
    }
    template <class Integer>
    void integers(const std::string& key, const std::vector<Integer>& values, Limits, const char* doc) {
        std::vector<std::string> words;
        for (const auto value : values) words.push_back(std::to_string(value));
        line(key, "[" + join(words) + "]", doc);
    }
    template <class Section>
    void section(const std::string& key, const Section& value, const char* doc) {
        line(key, "", doc);
        FieldWriter inner(comments_, indent_ + 2);
        visit(inner, const_cast<Section&>(value));
        text_ += inner.str();
    }
    template <class Section>
    void section(const std::string& key, const std::optional<Section>& value, const char* doc) {
        value ? section(key, *value, doc) : absent(key, doc);
    }

    const std::string& str() const { return text_; }

private:
    void line(const std::string& key, const std::string& value, const std::string& doc);
    void absent(const std::string& key, const char* doc);

    Comments comments_;
    int indent_;
    std::string text_;
};

}  // namespace orograph::app
