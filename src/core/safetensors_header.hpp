#pragma once

#include "orograph/core/safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace orograph {

inline constexpr std::uint64_t max_header_bytes = 100'000'000;

// Bytes of one element of a safetensors dtype, 0 for an unknown one.
std::size_t element_bytes(std::string_view dtype);

// Parses and checks a header against the size of the data section; entries come back in the order of their data. Error(data), naming
// `path`.
SafetensorsHeader parse_header(std::string_view text, std::size_t data_bytes, const std::filesystem::path& path);

// The header's JSON, entries in their order, padded with spaces to a multiple of 8 bytes.
std::string format_header(const SafetensorsHeader& header);

}  // namespace orograph
