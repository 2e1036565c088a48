#pragma once

#include <string>
#include <string_view>

namespace orograph {

// A text from a file, fit for a one-line message: UTF-8 as it is, control characters and what turns a line's direction or breaks it, and
// bytes that are no UTF-8, as "\n", "\x1b".
std::string escape(std::string_view text);

// A name from a file in quotes, escaped, and no more than 80 characters of it.
std::string quote(std::string_view name);

}  // namespace orograph
