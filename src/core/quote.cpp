#include "orograph/core/quote.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace orograph {
namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t bytes = 0;  // 0: no UTF-8
};

std::uint32_t byte_at(std::string_view text, std::size_t place) {
    return static_cast<unsigned char>(text[place]);
}

// The shortest form only, no halves of surrogate pairs, as Unicode asks.
Character first_character(std::string_view text) {
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const std::uint32_t lead = byte_at(text, 0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t bytes = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc0 || lead >= 0xf8 || text.size() < bytes) return {};
    std::uint32_t code = lead & (0x7fU >> bytes);
    for (std::size_t k = 1; k < bytes; ++k) {
        if ((byte_at(text, k) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte_at(text, k) & 0x3f);
    }
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[bytes] || code > 0x10ffff || is_surrogate ? Character{} : Character{code, bytes};
}

bool is_shown(std::uint32_t code) {
    if (code < 0xa0) return code >= ' ' && code <= '~';
    return !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

std::string hexadecimal(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t k = 0; k < bytes.size(); ++k) {
        const std::uint32_t byte = byte_at(bytes, k);
        out += {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
    }
    return out;
}

// The text's first character, escaped where it must be; takes it off.
std::string take_escaped(std::string_view& text) {
    const Character first = first_character(text);
    const std::string_view bytes = text.substr(0, std::max(first.bytes, std::size_t{1}));
    text.remove_prefix(bytes.size());
    if (first.bytes > 0 && is_shown(first.code)) return std::string(bytes);
    if (bytes == "\n") return "\\n";
    return bytes == "\t" ? "\\t" : hexadecimal(bytes);
}

}  // namespace

std::string escape(std::string_view text) {
    std::string out;
    while (!text.empty()) out += take_escaped(text);
    return out;
}

std::string quote(std::string_view name) {
    constexpr std::size_t longest = 80;
    std::string out = "'";
    for (std::size_t k = 0; k < longest && !name.empty(); ++k) out += take_escaped(name);
    return out + (name.empty() ? "'" : "...'");
}

}  // namespace orograph
