#include "orograph/core/safetensors.hpp"

#include "safetensors_header.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/fingerprint.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and its bytes are used as they are");

namespace orograph {
namespace {

constexpr const char* checksum_key = "orograph.checksum";
constexpr std::uint64_t max_file_bytes = std::uint64_t{64} << 30;
constexpr std::size_t length_bytes = 8;

struct FileParts {
    std::string_view header;
    std::span<const std::byte> data;
};

// Splits off the header after checking its length against the format's limit and the file.
FileParts split_file(std::span<const std::byte> file, const std::filesystem::path& path) {
    OROGRAPH_VALIDATE(file.size() > length_bytes, ExitCode::data, path, " is not a safetensors file: it has only ", file.size(), " bytes");
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), length_bytes);
    OROGRAPH_VALIDATE(length <= max_header_bytes, ExitCode::data, path, " is not a safetensors file: its header would have ", length,
                      " bytes, more than the format's ", max_header_bytes);
    OROGRAPH_VALIDATE(length <= file.size() - length_bytes, ExitCode::data, path,
                      " is truncated or not a safetensors file: its header would have ", length, " bytes, and only ",
                      file.size() - length_bytes, " follow");
    const char* text = reinterpret_cast<const char*>(file.data()) + length_bytes;
    return {{text, static_cast<std::size_t>(length)}, file.subspan(length_bytes + static_cast<std::size_t>(length))};
}

std::string digest(std::span<const std::byte> data) {
    return Fingerprint().add(data).hex();
}

void verify_checksum(const SafetensorsHeader& header, std::span<const std::byte> data, const std::filesystem::path& path) {
    const auto stored = header.metadata.find(checksum_key);
    if (stored == header.metadata.end()) return;
    OROGRAPH_VALIDATE(stored->second == digest(data), ExitCode::data, path,
                      " is damaged: the checksum of its data differs from the one in its header; fetch or write the file again");
}

// Where each tensor's data begins. Wide elements first, so that every tensor is aligned to its element as the format's own library does
// (PyTorch cannot view a misaligned one); otherwise the given order.
std::vector<std::size_t> place_by_element_size(const std::vector<FileTensor>& tensors) {
    std::vector<std::size_t> order(tensors.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return element_bytes(tensors[a].dtype) > element_bytes(tensors[b].dtype); });
    return order;
}

}  // namespace

SafetensorsView view_safetensors(std::span<const std::byte> file, const std::filesystem::path& path) {
    const FileParts parts = split_file(file, path);
    SafetensorsView view{parse_header(parts.header, parts.data.size(), path), parts.data};
    verify_checksum(view.header, parts.data, path);
    return view;
}

TensorFile read_safetensors(const std::filesystem::path& path) {
    const std::vector<std::byte> bytes = read_file(path, max_file_bytes, "safetensors");
    const SafetensorsView view = view_safetensors(bytes, path);
    TensorFile file{view.header.metadata, {}};
    for (const SafetensorsEntry& entry : view.header.entries) {
        const auto data = view.bytes_of(entry);
        file.tensors.push_back({entry.name, entry.dtype, entry.shape, {data.begin(), data.end()}});
    }
    return file;
}

void write_safetensors(const std::filesystem::path& path, TensorFile file) {
    SafetensorsHeader header;
    std::vector<std::byte> data;
    header.entries.resize(file.tensors.size());
    for (const std::size_t k : place_by_element_size(file.tensors)) {
        const FileTensor& tensor = file.tensors[k];
        header.entries[k] = {tensor.name, tensor.dtype, tensor.shape, data.size(), data.size() + tensor.data.size()};
        data.insert(data.end(), tensor.data.begin(), tensor.data.end());
    }
    header.metadata = std::move(file.metadata);
    header.metadata[checksum_key] = digest(data);

    const std::string text = format_header(header);
    const std::uint64_t length = text.size();
    std::vector<std::byte> bytes(length_bytes + text.size() + data.size());
    std::memcpy(bytes.data(), &length, length_bytes);
    std::memcpy(bytes.data() + length_bytes, text.data(), text.size());
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(length_bytes + text.size()));
    write_file_atomically(path, std::span<const std::byte>(bytes));
}

}  // namespace orograph
