#include "weights_source.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/quote.hpp"

#include <charconv>
#include <string_view>

namespace orograph::model {
namespace {

constexpr std::string_view bend_word = "bend=", key_word = "key=", prefix_word = "prefix=";

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
    return number;
}

// Takes one choice; false where it is none.
bool choose(WeightsSource& source, std::string_view choice) {
    if (choice.starts_with(key_word)) {
        source.key = choice.substr(key_word.size());
        return !source.key.empty();
    }
    if (choice.starts_with(prefix_word)) {
        const std::string_view prefix = choice.substr(prefix_word.size());
        source.prefix = cat(prefix, prefix.empty() || prefix.ends_with('.') ? "" : ".");
        return true;
    }
    if (!choice.starts_with(bend_word)) return false;
    source.bend = whole_number(choice.substr(bend_word.size()));
    return source.bend.has_value();
}

}  // namespace

WeightsSource parse_weights_source(const std::filesystem::path& source) {
    std::error_code ignored;
    const std::string text = source.string();
    const std::size_t folder = text.rfind('/');
    std::size_t hash = text.find('#', folder == std::string::npos ? 0 : folder);
    if (hash == std::string::npos || std::filesystem::exists(source, ignored)) return {source, {}, {}, {}};
    WeightsSource parsed{text.substr(0, hash), {}, {}, {}};
    while (hash != std::string::npos) {
        const std::size_t next = text.find('#', hash + 1);
        const auto choice = std::string_view(text).substr(hash + 1, next == std::string::npos ? next : next - hash - 1);
        OROGRAPH_VALIDATE(choose(parsed, choice), ExitCode::config, "the weights ", source, " have ", quote(choice),
                          " after the file's name; write FILE#bend=1 for a bend of a curve, FILE#key=NAME for one of several state_dicts, ",
                          "FILE#prefix=NAME. for tensors whose names begin so");
        hash = next;
    }
    return parsed;
}

}  // namespace orograph::model
