#pragma once

#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace orograph {

// The arguments written one after another.
template <class... Pieces>
std::string cat(const Pieces&... pieces) {
    std::ostringstream out;
    (out << ... << pieces);
    return out.str();
}

// "a, b, c"
std::string join(std::span<const std::string> words, std::string_view separator = ", ");

// ASCII's: line breaks, tabulators, escapes.
inline bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Line breaks as spaces, other control characters as '?'.
std::string one_line(std::string text);

// The candidate with the smallest edit distance to `word`; empty where none is within half the word's length.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// Shortest decimal that reads back as the same double ("0.1", "1e-05", "nan").
std::string shortest(double value);

// "3.2 s", "4 min 10 s", "2 h 5 min"
std::string human_duration(double seconds);

// "1.4 MiB"
std::string human_bytes(double bytes);

}  // namespace orograph
