#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace orograph::model {

inline constexpr std::uint64_t max_header_bytes = 100'000'000;

// One tensor of a safetensors header; [begin, end) counts from the start of the data section.
struct HeaderEntry {
    std::string name;
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0, end = 0;
};

struct Header {
    std::map<std::string, std::string> metadata;
    std::vector<HeaderEntry> entries;
};

// Bytes of one element of a safetensors dtype, 0 for an unknown one.
std::size_t element_bytes(std::string_view dtype);

// Parses and checks a header against the size of the data section; entries come back in the order of their data. Error(data), naming
// `path`.
Header parse_header(std::string_view text, std::size_t data_bytes, const std::filesystem::path& path);

// The header's JSON, entries in their order, padded with spaces to a multiple of 8 bytes.
std::string format_header(const Header& header);

}  // namespace orograph::model
