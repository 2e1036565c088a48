#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace orograph {

struct FileTensor {
    std::string name;
    std::string dtype;  // "F32", "I64", ...
    std::vector<std::int64_t> shape;
    std::vector<std::byte> data;  // little-endian, C order
};

struct TensorFile {
    std::map<std::string, std::string> metadata;
    std::vector<FileTensor> tensors;
};

// The safetensors format (huggingface/safetensors README): 8-byte little-endian header length, JSON header, data. Every promise of the
// format is checked before anything is allocated from the header's numbers: length, dtype, shape products, offsets without holes or
// overlap, end of file, unique names. Error(no_input), Error(data). Where the metadata carries "orograph.checksum" (as our own files do)
// the data is checked against it.
TensorFile read_safetensors(const std::filesystem::path& path);

// Atomic (written beside, renamed); adds "orograph.checksum" to the metadata. Error(cannot_create), Error(io).
void write_safetensors(const std::filesystem::path& path, TensorFile file);

// One tensor of a safetensors header; [begin, end) counts from the start of the data section.
struct SafetensorsEntry {
    std::string name;
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0, end = 0;
};

struct SafetensorsHeader {
    std::map<std::string, std::string> metadata;
    std::vector<SafetensorsEntry> entries;
};

// A safetensors file as views into its bytes.
struct SafetensorsView {
    SafetensorsHeader header;
    std::span<const std::byte> data;

    std::span<const std::byte> bytes_of(const SafetensorsEntry& entry) const { return data.subspan(entry.begin, entry.end - entry.begin); }
};

// Checks everything that read_safetensors() promises. Error(data), naming `path`.
SafetensorsView view_safetensors(std::span<const std::byte> file, const std::filesystem::path& path);

}  // namespace orograph
