#pragma once

#include <string>
#include <string_view>

namespace orograph::pickle {

// The text of Python's repr of a str or bytes, 'a\'b\x00', as protocol 0 writes it. Fault for what is none.
std::string unescape_string(std::string_view line);

// The text, in UTF-8, of Python's raw-unicode-escape, in which \u and \U are the only escapes. Fault for what is none.
std::string unescape_unicode(std::string_view line);

}  // namespace orograph::pickle
