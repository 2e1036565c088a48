#include "orograph/app/fields.hpp"

#include "orograph/core/text.hpp"

#include <algorithm>
#include <charconv>

namespace orograph::app {

namespace {

bool has_leading_zero(const std::string& word) {
    const std::size_t digit = !word.empty() && (word[0] == '-' || word[0] == '+') ? 1 : 0;
    return word.size() > digit + 1 && word[digit] == '0' && std::isdigit(static_cast<unsigned char>(word[digit + 1]));
}

// As YAML writes it in double quotes: "\x0a".
std::string escaped(char c) {
    constexpr const char* digits = "0123456789abcdef";
    return {'\\', 'x', digits[c >> 4], digits[c & 15]};
}

std::string quoted(const std::string& word) {
    const bool plain = !word.empty() && word.find_first_of(" :#{}[],&*?|<>=!%@\\\"'`~") == std::string::npos &&
                       std::none_of(word.begin(), word.end(), is_control) && word != "null" && word != "true" && word != "false" &&
                       !std::isdigit(static_cast<unsigned char>(word[0])) && word[0] != '-' && word[0] != '+' && word[0] != '.';
    if (plain) return word;
    std::string out = "\"";
    for (const char c : word) {
        if (c == '"' || c == '\\') out += '\\';
        out += is_control(c) ? escaped(c) : std::string(1, c);
    }
    return out + '"';
}

}  // namespace

FieldReader::FieldReader(const Value* section, std::string path, std::string origin)
    : section_(section), path_(std::move(path)), origin_(std::move(origin)) {
    if (section_ && section_->kind != Value::Kind::map && section_->kind != Value::Kind::null)
        fail(*section_, "", "is not a section of keys");
}

const Value* FieldReader::take(const std::string& key) {
    known_.push_back(key);
    const Value* value = section_ ? section_->find(key) : nullptr;
    return value && value->kind != Value::Kind::null ? value : nullptr;
}

bool FieldReader::has(const std::string& key) {
    known_.push_back(key);
    return section_ && section_->find(key) && section_->find(key)->kind != Value::Kind::null;
}

void FieldReader::fail(const Value& value, const std::string& key, const std::string& problem) const {
    const std::string what = key.empty() ? path_ : name(key);
    if (value.from_command_line) throw Error(ExitCode::usage, cat("--set ", what, ": ", problem));
    throw Error(ExitCode::config, cat(origin_, ":", value.line, ": ", what, " ", problem));
}

const std::string& FieldReader::scalar_of(const Value& value, const std::string& key) const {
    if (value.kind != Value::Kind::scalar) fail(value, key, "takes one value");
    return value.scalar;
}

const std::vector<Value>& FieldReader::items_of(const Value& value, const std::string& key) const {
    if (value.kind != Value::Kind::sequence) fail(value, key, "takes a list in brackets");
    return value.items;
}

double FieldReader::number_of(const Value& value, const std::string& key, Limits limits) const {
    const std::string& word = scalar_of(value, key);
    const std::size_t plus = !word.empty() && word[0] == '+' ? 1 : 0;
    double number = 0;
    const auto [end, error] = std::from_chars(word.data() + plus, word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size() || has_leading_zero(word))
        fail(value, key, cat("is '", word, "', which is not a number"));
    if (!std::isfinite(number)) fail(value, key, cat("is '", word, "'; it takes a finite number"));
    if (number < limits.min) fail(value, key, cat("is ", word, "; it must be at least ", shortest(limits.min)));
    if (number > limits.max) fail(value, key, cat("is ", word, "; it must be at most ", shortest(limits.max)));
    return number;
}

std::int64_t FieldReader::integer_of(const Value& value, const std::string& key, Limits limits) const {
    const double number = number_of(value, key, limits);
    if (number != std::floor(number)) fail(value, key, cat("is ", value.scalar, "; it takes a whole number"));
    return static_cast<std::int64_t>(number);
}

void FieldReader::text(const std::string& key, std::string& out, const char*) {
    if (const Value* value = take(key)) out = scalar_of(*value, key);
}

void FieldReader::choice(const std::string& key, std::string& out, std::span<const std::string> words, const char*) {
    const Value* value = take(key);
    if (!value) return;
    const std::string& word = scalar_of(*value, key);
    if (std::find(words.begin(), words.end(), word) == words.end()) {
        const std::string guess = nearest(word, words);
        fail(*value, key,
             cat("is '", word, "', which is not known", guess.empty() ? "" : cat("; did you mean '", guess, "'?"),
                 " (one of: ", join(words), ")"));
    }
    out = word;
}

void FieldReader::flag(const std::string& key, bool& out, const char*) {
    if (const Value* value = take(key)) out = flag_of(*value, key);
}

void FieldReader::flags(const std::string& key, std::array<bool, 2>& out, const char*) {
    const Value* value = take(key);
    if (!value) return;
    const auto& items = items_of(*value, key);
    if (items.size() != out.size()) fail(*value, key, "takes two values, [true, false]");
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = flag_of(items[i], key);
}

bool FieldReader::flag_of(const Value& value, const std::string& key) const {
    const std::string& word = scalar_of(value, key);
    if (word != "true" && word != "false") fail(value, key, cat("is '", word, "'; it takes true or false"));
    return word == "true";
}

void FieldReader::number(const std::string& key, double& out, Limits limits, const char*) {
    if (const Value* value = take(key)) out = number_of(*value, key, limits);
}

void FieldReader::texts(const std::string& key, std::vector<std::string>& out, const char*) {
    const Value* value = take(key);
    if (!value) return;
    out.clear();
    for (const Value& item : items_of(*value, key)) out.push_back(scalar_of(item, key));
}

void FieldReader::numbers(const std::string& key, std::vector<double>& out, const char*) {
    const Value* value = take(key);
    if (!value) return;
    out.clear();
    for (const Value& item : items_of(*value, key)) out.push_back(number_of(item, key, {}));
}

void FieldReader::lists(const std::string& key, Lists& out, const char*) {
    const Value* value = take(key);
    if (!value) return;
    if (value->kind != Value::Kind::map) fail(*value, key, "takes keys, each with a list in brackets");
    out.clear();
    for (const auto& [name, items] : value->entries) {
        out.emplace_back(name, std::vector<std::string>());
        for (const Value& item : items_of(items, key + "." + name)) out.back().second.push_back(yaml_of(item, key + "." + name));
    }
}

// A scalar's own text, or a list of scalars in brackets.
std::string FieldReader::yaml_of(const Value& value, const std::string& key) const {
    if (value.kind != Value::Kind::sequence) return scalar_of(value, key);
    std::vector<std::string> words;
    for (const Value& item : value.items) words.push_back(quoted(scalar_of(item, key)));
    return "[" + join(words) + "]";
}

void FieldReader::finish() const {
    if (!section_) return;
    for (const auto& [key, value] : section_->entries) {
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        const std::string guess = nearest(key, known_);
        fail(value, key,
             cat("is not a known key", guess.empty() ? "" : cat("; did you mean '", guess, "'?"), " (allowed here: ", join(known_), ")"));
    }
}

void FieldWriter::line(const std::string& key, const std::string& value, const std::string& doc) {
    std::string text = std::string(indent_, ' ') + key + ":" + (value.empty() ? "" : " " + value);
    if (comments_ == Comments::with && !doc.empty()) text += std::string(text.size() < 44 ? 44 - text.size() : 2, ' ') + "# " + doc;
    text_ += text + "\n";
}

void FieldWriter::absent(const std::string& key, const char* doc) {
    if (comments_ == Comments::with) text_ += std::string(indent_, ' ') + "# " + key + ": " + doc + "\n";
}

void FieldWriter::text(const std::string& key, const std::string& value, const char* doc) {
    line(key, quoted(value), doc);
}

void FieldWriter::choice(const std::string& key, const std::string& value, std::span<const std::string> words, const char* doc) {
    const std::string all = join(words, " | ");
    line(key, quoted(value), cat(doc, *doc ? ": " : "", all));
}

void FieldWriter::flag(const std::string& key, bool value, const char* doc) {
    line(key, value ? "true" : "false", doc);
}

void FieldWriter::number(const std::string& key, double value, Limits, const char* doc) {
    line(key, shortest(value), doc);
}

void FieldWriter::texts(const std::string& key, const std::vector<std::string>& values, const char* doc) {
    std::vector<std::string> words;
    for (const auto& value : values) words.push_back(quoted(value));
    line(key, "[" + join(words) + "]", doc);
}

void FieldWriter::flags(const std::string& key, const std::array<bool, 2>& values, const char* doc) {
    line(key, cat("[", values[0] ? "true" : "false", ", ", values[1] ? "true" : "false", "]"), doc);
}

void FieldWriter::numbers(const std::string& key, const std::vector<double>& values, const char* doc) {
    std::vector<std::string> words;
    for (const double value : values) words.push_back(shortest(value));
    line(key, "[" + join(words) + "]", doc);
}

void FieldWriter::lists(const std::string& key, const Lists& lists, const char* doc) {
    line(key, lists.empty() ? "{}" : "", doc);
    FieldWriter inner(comments_, indent_ + 2);
    for (const auto& [name, values] : lists) inner.texts(quoted(name), values, "");
    text_ += inner.str();
}

}  // namespace orograph::app
