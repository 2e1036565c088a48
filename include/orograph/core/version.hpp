#pragma once

namespace orograph {

// Version of the program, from CMake.
const char* version();

// Raised whenever a change may alter a digit of any result; part of each surface file's fingerprint.
inline constexpr int numeric_version = 1;

}  // namespace orograph
