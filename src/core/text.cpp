#include "orograph/core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

namespace orograph {
namespace {

// Levenshtein distance, row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

std::string fixed(double value, int decimals) {
    std::array<char, 64> buffer;
    std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
    return buffer.data();
}

}  // namespace

std::string join(std::span<const std::string> words, std::string_view separator) {
    std::string joined;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) joined += separator;
        joined += words[i];
    }
    return joined;
}

// The first of several equally near candidates wins.
std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    std::string best;
    std::size_t best_distance = word.size() / 2 + 1;
    for (const auto& candidate : candidates) {
        const auto distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string one_line(std::string text) {
    for (char& c : text) {
        if (is_control(c)) c = c == '\n' ? ' ' : '?';
    }
    return text;
}

std::string shortest(double value) {
    if (std::isnan(value)) return "nan";
    std::array<char, 32> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return {buffer.data(), end};
}

// Negative durations count as 0; "unknown" where the duration is not finite.
std::string human_duration(double seconds) {
    if (!std::isfinite(seconds)) return "unknown";
    seconds = std::max(seconds, 0.0);
    constexpr double rounds_to_a_minute = 59.95;
    if (seconds < rounds_to_a_minute) return fixed(seconds, 1) + " s";
    const auto whole_seconds = std::llround(seconds);
    if (whole_seconds < 3600) return cat(whole_seconds / 60, " min ", whole_seconds % 60, " s");
    const auto whole_minutes = std::llround(seconds / 60);
    return cat(whole_minutes / 60, " h ", whole_minutes % 60, " min");
}

std::string human_bytes(double bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return fixed(std::floor(bytes), 0) + " B";
    constexpr double rounds_to_next_unit = 1023.95;
    std::size_t unit = 0;
    while (bytes >= rounds_to_next_unit && unit + 1 < units.size()) {
        bytes /= 1024;
        ++unit;
    }
    return fixed(bytes, 1) + " " + units[unit];
}

}  // namespace orograph
