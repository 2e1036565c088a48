#include "known_files.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t images_magic = 0x00000803;  // unsigned bytes, three dimensions
constexpr std::uint32_t labels_magic = 0x00000801;  // unsigned bytes, one dimension
constexpr std::uint32_t side = 28;
constexpr std::uint32_t max_images = 10'000'000;

// Big-endian 32-bit words at the start of the file: the magic number, then one size for each dimension.
template <std::size_t Words>
using IdxHeader = std::array<std::uint32_t, Words>;

struct GzipCloser {
    void operator()(gzFile file) const { gzclose(file); }
};

fs::path find_file(const SetFiles& files, const std::string& name) {
    std::error_code unreadable;
    for (const fs::path& path : {files.folder / name, files.folder / (name + ".gz")}) {
        if (fs::exists(path, unreadable)) return path;
    }
    throw Error(ExitCode::no_input,
                cat("data set ", files.set, ": there is neither ", name, " nor ", name, ".gz in ", files.folder, "; ", files.remedy));
}

// Reads the header alone, so that the size of the rest is known before anything is allocated for it.
template <std::size_t Words>
IdxHeader<Words> read_header(const fs::path& path) {
    std::unique_ptr<gzFile_s, GzipCloser> file(gzopen(path.c_str(), "rb"));
    OROGRAPH_VALIDATE(file != nullptr, ExitCode::no_input, "cannot open ", path, "; check its permissions");
    std::array<unsigned char, 4 * Words> bytes{};
    const int count = gzread(file.get(), bytes.data(), static_cast<unsigned>(bytes.size()));
    OROGRAPH_VALIDATE(count == static_cast<int>(bytes.size()), ExitCode::data, path,
                      " is truncated or damaged: it has no complete IDX header; fetch it again");
    IdxHeader<Words> header{};
    for (std::size_t k = 0; k < bytes.size(); ++k) header[k / 4] = header[k / 4] << 8 | bytes[k];
    return header;
}

void check_header(const fs::path& path, std::uint32_t magic, std::uint32_t expected_magic, std::uint32_t count) {
    OROGRAPH_VALIDATE(magic == expected_magic, ExitCode::data, path, " is not the expected IDX file: its magic number is ", magic,
                      " instead of ", expected_magic, "; check that the file belongs to this name");
    OROGRAPH_VALIDATE(count > 0 && count <= max_images, ExitCode::data, path, " claims to hold ", count, " images; between 1 and ",
                      max_images, " are allowed");
}

// What follows the header, which must be just what the header announces.
template <std::size_t Words>
std::vector<std::byte> read_body(const fs::path& path, std::uint64_t bytes) {
    constexpr std::size_t header_bytes = 4 * Words;
    std::vector<std::byte> content = read_gzip(path, header_bytes + bytes, "data");
    content.erase(content.begin(), content.begin() + header_bytes);
    return content;
}

std::vector<std::byte> read_images(const fs::path& path) {
    const auto [magic, count, rows, columns] = read_header<4>(path);
    check_header(path, magic, images_magic, count);
    OROGRAPH_VALIDATE(rows == side && columns == side, ExitCode::data, path, " holds images of ", rows, "x", columns, " pixels; ", side,
                      "x", side, " are expected");
    return read_body<4>(path, std::uint64_t{count} * rows * columns);
}

std::vector<std::byte> read_labels(const fs::path& path) {
    const auto [magic, count] = read_header<2>(path);
    check_header(path, magic, labels_magic, count);
    return read_body<2>(path, count);
}

void check_labels(const fs::path& path, std::span<const std::byte> labels, int classes) {
    const auto bad = std::find_if(labels.begin(), labels.end(), [&](std::byte label) { return std::to_integer<int>(label) >= classes; });
    OROGRAPH_VALIDATE(bad == labels.end(), ExitCode::data, path, " is damaged: label ", bad - labels.begin(), " is ",
                      std::to_integer<int>(*bad), ", and there are only ", classes, " classes");
}

}  // namespace

RawSplit read_idx_split(const SetFiles& files, const std::string& split) {
    const std::string prefix = split == "train" ? "train" : "t10k";
    const fs::path images_path = find_file(files, prefix + "-images-idx3-ubyte");
    const fs::path labels_path = find_file(files, prefix + "-labels-idx1-ubyte");
    const std::vector<std::byte> labels = read_labels(labels_path);
    check_labels(labels_path, labels, files.classes);
    std::vector<std::byte> pixels = read_images(images_path);
    constexpr std::size_t image_bytes = std::size_t{side} * side;
    OROGRAPH_VALIDATE(pixels.size() == labels.size() * image_bytes, ExitCode::data, images_path, " holds ", pixels.size() / image_bytes,
                      " images and ", labels_path, " ", labels.size(), " labels; take both from one source");
    std::vector<std::int64_t> numbers;
    for (const std::byte label : labels) numbers.push_back(std::to_integer<std::int64_t>(label));
    return in_memory(1, side, std::move(pixels), std::move(numbers));
}

}  // namespace orograph::data
