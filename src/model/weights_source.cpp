#include "weights_source.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace orograph::model {
namespace {

constexpr std::string_view bend_word = "#bend=", key_word = "#key=", prefix_word = "#prefix=";

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
    return number;
}

// Takes one choice, "#key=ema"; false where it is none, or the second of its kind.
bool choose(WeightsSource& source, std::string_view choice) {
    if (choice.starts_with(key_word)) {
        if (!source.key.empty()) return false;
        source.key = choice.substr(key_word.size());
        return !source.key.empty();
    }
    if (choice.starts_with(prefix_word)) {
        if (source.prefix) return false;
        const std::string_view prefix = choice.substr(prefix_word.size());
        source.prefix = cat(prefix, prefix.empty() || prefix.ends_with('.') ? "" : ".");
        return true;
    }
    if (!choice.starts_with(bend_word) || source.bend) return false;
    source.bend = whole_number(choice.substr(bend_word.size()));
    return source.bend.has_value();
}

// Where the next choice begins, from `start` on; npos: there is none.
std::size_t next_choice(std::string_view text, std::size_t start) {
    return std::min({text.find(bend_word, start), text.find(key_word, start), text.find(prefix_word, start)});
}

// A # in the file's own name, where no choice is.
std::size_t stray_hash(std::string_view text) {
    const std::size_t folder = text.rfind('/');
    return text.find('#', folder == std::string_view::npos ? 0 : folder);
}

}  // namespace

WeightsSource parse_weights_source(const std::filesystem::path& source) {
    std::error_code ignored;
    const std::string text = source.string();
    if (std::filesystem::exists(source, ignored)) return {source, {}, {}, {}};
    std::size_t hash = next_choice(text, 0);
    if (hash == std::string::npos) hash = stray_hash(text);
    WeightsSource parsed{text.substr(0, hash), {}, {}, {}};
    while (hash != std::string::npos) {
        const std::size_t next = next_choice(text, hash + 1);
        const auto choice = std::string_view(text).substr(hash, next == std::string::npos ? next : next - hash);
        OROGRAPH_VALIDATE(choose(parsed, choice), ExitCode::config, "the weights ", source, " have ", quote(choice.substr(1)),
                          " after the file's name; write FILE#bend=1 for a bend of a curve, FILE#key=NAME for one of several state_dicts, ",
                          "FILE#prefix=NAME. for tensors whose names begin so, each no more than once");
        hash = next;
    }
    return parsed;
}

}  // namespace orograph::model
