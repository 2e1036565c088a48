#include "orograph/core/error.hpp"
#include "orograph/landscape/direction.hpp"

#include <array>
#include <utility>

namespace orograph::landscape {

namespace {

template <class Value, std::size_t count>
using Words = std::array<std::pair<Value, const char*>, count>;

constexpr Words<Normalize, 6> normalize_words{{{Normalize::none, "none"},
                                               {Normalize::filter, "filter"},
                                               {Normalize::layer, "layer"},
                                               {Normalize::weight, "weight"},
                                               {Normalize::dfilter, "dfilter"},
                                               {Normalize::dlayer, "dlayer"}}};
constexpr Words<Ignore, 3> ignore_words{{{Ignore::none, "none"}, {Ignore::biasbn, "biasbn"}, {Ignore::li_compat, "li-compat"}}};
constexpr Words<Space, 2> space_words{{{Space::parameters, "parameters"}, {Space::states, "states"}}};
constexpr Words<DirectionKind, 4> kind_words{{{DirectionKind::random, "random"},
                                              {DirectionKind::towards, "towards"},
                                              {DirectionKind::file, "file"},
                                              {DirectionKind::plane, "plane"}}};

template <class Value, std::size_t count>
const char* word_of(const Words<Value, count>& words, Value value) {
    for (const auto& [candidate, word] : words) {
        if (candidate == value) return word;
    }
    OROGRAPH_EXPECT(false);
    return "";
}

template <class Value, std::size_t count>
Value value_of(const Words<Value, count>& words, const std::string& wanted, const char* key) {
    std::vector<std::string> allowed;
    for (const auto& [value, word] : words) {
        if (wanted == word) return value;
        allowed.emplace_back(word);
    }
    throw Error(ExitCode::config, cat("the ", key, " \"", wanted, "\" of a direction is unknown; use one of ", join(allowed)));
}

}  // namespace

Normalize normalize_from(const std::string& word) {
    return value_of(normalize_words, word, "normalize");
}

Ignore ignore_from(const std::string& word) {
    return value_of(ignore_words, word, "ignore");
}

Space space_from(const std::string& word) {
    return value_of(space_words, word, "space");
}

const char* to_string(Normalize value) {
    return word_of(normalize_words, value);
}

const char* to_string(Ignore value) {
    return word_of(ignore_words, value);
}

const char* to_string(Space value) {
    return word_of(space_words, value);
}

const char* to_string(DirectionKind value) {
    return word_of(kind_words, value);
}

}  // namespace orograph::landscape
