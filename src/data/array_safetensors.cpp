#include "array_file.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace orograph::data {
namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{64} << 30;

// A file in memory.
struct Loaded {
    std::vector<std::byte> bytes;
    SafetensorsView view;
};

// "int64" for I64; other words stay as they are.
std::string type_of(const std::string& dtype) {
    static constexpr std::pair<std::string_view, const char*> types[] = {
        {"U8", "uint8"},  {"U16", "uint16"}, {"U32", "uint32"},  {"U64", "uint64"},  {"I8", "int8"},    {"I16", "int16"},
        {"I32", "int32"}, {"I64", "int64"},  {"F16", "float16"}, {"F32", "float32"}, {"F64", "float64"}};
    for (const auto& [word, type] : types) {
        if (word == dtype) return type;
    }
    return dtype;
}

const SafetensorsEntry* find(const SafetensorsHeader& header, const std::string& name) {
    const auto found = std::ranges::find(header.entries, name, &SafetensorsEntry::name);
    return found == header.entries.end() ? nullptr : &*found;
}

StoredArray describe(const SafetensorsEntry& entry, const std::filesystem::path& path) {
    return {path.string() + ":" + entry.name, type_of(entry.dtype), entry.shape};
}

// Beyond int64, uint64 becomes negative: no label of either kind is allowed.
template <class Stored>
std::vector<std::int64_t> widen(std::span<const std::byte> bytes) {
    std::vector<std::int64_t> values;
    values.reserve(bytes.size() / sizeof(Stored));
    for (std::size_t place = 0; place < bytes.size(); place += sizeof(Stored)) {
        Stored value;
        std::memcpy(&value, bytes.data() + place, sizeof(Stored));
        values.push_back(static_cast<std::int64_t>(value));
    }
    return values;
}

std::vector<std::int64_t> read_integers(std::span<const std::byte> bytes, const std::string& type) {
    if (type == "uint8") return widen<std::uint8_t>(bytes);
    if (type == "uint16") return widen<std::uint16_t>(bytes);
    if (type == "uint32") return widen<std::uint32_t>(bytes);
    if (type == "int8") return widen<std::int8_t>(bytes);
    if (type == "int16") return widen<std::int16_t>(bytes);
    if (type == "int32") return widen<std::int32_t>(bytes);
    return widen<std::int64_t>(bytes);
}

}  // namespace

ArrayFile open_safetensors(const std::filesystem::path& path, const std::string& split) {
    const auto file = std::make_shared<Loaded>(Loaded{read_file(path, max_file_bytes, "data"), {}});
    file->view = view_safetensors(file->bytes, path);
    const SafetensorsHeader& header = file->view.header;
    const std::string prefix = find(header, "images") ? "" : split + ".";
    const SafetensorsEntry* images = find(header, prefix + "images");
    const SafetensorsEntry* labels = find(header, prefix + "labels");
    OROGRAPH_VALIDATE(images, ExitCode::data, path.string(), " has neither a tensor 'images' nor '", prefix,
                      "images'; store images and labels under one of these names");
    OROGRAPH_VALIDATE(labels, ExitCode::data, path.string(), " has no tensor '", prefix, "labels'; store the labels beside the images");
    const std::span<const std::byte> pixels = file->view.bytes_of(*images);
    return {.images = describe(*images, path),
            .labels = describe(*labels, path),
            .read_images =
                [file, pixels](std::int64_t first, std::int64_t count, std::span<std::byte> out) {
                    const std::size_t image_bytes = out.size() / static_cast<std::size_t>(count);
                    std::copy_n(pixels.data() + static_cast<std::size_t>(first) * image_bytes, out.size(), out.data());
                },
            .read_labels = [file, labels] { return read_integers(file->view.bytes_of(*labels), type_of(labels->dtype)); }};
}

}  // namespace orograph::data
