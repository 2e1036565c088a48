#pragma once

#include <string>
#include <string_view>

namespace orograph {

// A name from a file in quotes, fit for a one-line message: whatever is not printable ASCII as '?', and no more than 80 characters.
inline std::string quote(std::string_view name) {
    constexpr std::size_t longest = 80;
    std::string out = "'";
    for (const char c : name.substr(0, longest)) out += c >= ' ' && c <= '~' ? c : '?';
    return out + (name.size() > longest ? "...'" : "'");
}

}  // namespace orograph
