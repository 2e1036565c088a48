#pragma once

#include "safetensors_header.hpp"

#include <span>

namespace orograph::model {

// A safetensors file as views into its bytes.
struct SafetensorsView {
    Header header;
    std::span<const std::byte> data;

    std::span<const std::byte> bytes_of(const HeaderEntry& entry) const { return data.subspan(entry.begin, entry.end - entry.begin); }
};

// Checks everything that read_safetensors() promises. Error(data), naming `path`.
SafetensorsView view_safetensors(std::span<const std::byte> file, const std::filesystem::path& path);

}  // namespace orograph::model
