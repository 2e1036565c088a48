#include "pickle_text.hpp"

#include "orograph/core/fault.hpp"

#include <charconv>
#include <cstdint>

namespace orograph::pickle {
namespace {

std::uint32_t hexadecimal(std::string_view text, std::size_t place, std::size_t digits) {
    std::uint32_t value = 0;
    const std::string_view part = place <= text.size() ? text.substr(place, digits) : std::string_view();
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    require(part.size() == digits && error == std::errc() && end == part.data() + part.size(), "its pickle has a broken escape");
    return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
    } else {
        require(code < 0x110000, "its pickle has a character beyond Unicode");
        put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
    }
}

}  // namespace

std::string unescape_string(std::string_view line) {
    require(line.size() >= 2 && (line.front() == '\'' || line.front() == '"') && line.back() == line.front(),
            "its pickle has a text without quotes");
    const std::string_view inner = line.substr(1, line.size() - 2);
    constexpr std::string_view letters = "nrt\\'\"", meanings = "\n\r\t\\'\"";
    std::string out;
    for (std::size_t k = 0; k < inner.size(); ++k) {
        if (inner[k] != '\\') {
            out += inner[k];
            continue;
        }
        require(++k < inner.size(), "its pickle has a broken escape");
        if (inner[k] == 'x') {
            out += static_cast<char>(hexadecimal(inner, k + 1, 2));
            k += 2;
        } else {
            const std::size_t letter = letters.find(inner[k]);
            require(letter != std::string_view::npos, "its pickle has an unknown escape");
            out += meanings[letter];
        }
    }
    return out;
}

std::string unescape_unicode(std::string_view line) {
    std::string out;
    for (std::size_t k = 0; k < line.size(); ++k) {
        const bool is_escape = line[k] == '\\' && k + 1 < line.size() && (line[k + 1] == 'u' || line[k + 1] == 'U');
        if (!is_escape) {
            append_utf8(out, static_cast<unsigned char>(line[k]));
            continue;
        }
        const std::size_t digits = line[k + 1] == 'u' ? 4 : 8;
        append_utf8(out, hexadecimal(line, k + 2, digits));
        k += 1 + digits;
    }
    return out;
}

}  // namespace orograph::pickle
