#include "cifar.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"

#include <algorithm>

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t channels = 3;
constexpr std::int64_t side = 32;
constexpr std::size_t image_bytes = channels * side * side;

std::size_t record_bytes(const CifarFormat& format) {
    return format.label_bytes + image_bytes;
}

std::size_t file_bytes(const CifarFormat& format) {
    return format.records * record_bytes(format);
}

void require_size(const fs::path& path, const CifarFormat& format, const SetFiles& files) {
    const std::size_t expected = file_bytes(format);
    std::error_code unreadable;
    OROGRAPH_VALIDATE(fs::is_regular_file(path, unreadable), ExitCode::no_input, "data set ", files.set, ": there is no file ", path, "; ",
                      files.remedy);
    const std::uintmax_t size = fs::file_size(path);
    OROGRAPH_VALIDATE(size == expected, ExitCode::data, path, " has ", size, " bytes instead of ", expected,
                      size < expected ? " (is it empty or cut short?)" : "", "; fetch the binary version of ", files.set, " again");
}

std::int64_t checked_label(std::byte label, int classes, const fs::path& path, std::size_t record) {
    const int value = std::to_integer<int>(label);
    OROGRAPH_VALIDATE(value < classes, ExitCode::data, path, " is damaged: the label of image ", record, " is ", value,
                      ", and there are only ", classes, " classes");
    return value;
}

void append_file(const fs::path& path, const CifarFormat& format, const SetFiles& files, std::vector<std::byte>& pixels,
                 std::vector<std::int64_t>& labels) {
    const std::vector<std::byte> content = read_file(path, file_bytes(format), "data");
    OROGRAPH_VALIDATE(content.size() == file_bytes(format), ExitCode::no_input, path, " became shorter while it was read");
    for (std::size_t record = 0; record < format.records; ++record) {
        const std::byte* start = content.data() + record * record_bytes(format);
        const std::byte* image = start + format.label_bytes;
        if (format.label_bytes > 1) checked_label(start[0], format.coarse_classes, path, record);
        labels.push_back(checked_label(image[-1], files.classes, path, record));
        pixels.insert(pixels.end(), image, image + image_bytes);
    }
}

// The binary version where there is any file of the split's in it, else the Python version where there is.
RawSplit read_either(const SetFiles& files, const CifarFormat& format) {
    const auto is_there = [&](const std::string& name) {
        std::error_code unreadable;
        return fs::is_regular_file(files.folder / name, unreadable);
    };
    const bool is_binary = std::any_of(format.file_names.begin(), format.file_names.end(), is_there);
    const bool is_python = std::any_of(format.python_names.begin(), format.python_names.end(), is_there);
    if (is_binary && is_python)
        log::info(cat("data set ", files.set, ": ", files.folder, " has ", format.file_names.front(), " and ", format.python_names.front(),
                      "; the binary version is read"));
    return is_binary || !is_python ? read_cifar_split(files, format) : read_python_cifar(files, format);
}

}  // namespace

RawSplit read_cifar_split(const SetFiles& files, const CifarFormat& format) {
    std::vector<std::byte> pixels;
    std::vector<std::int64_t> labels;
    for (const std::string& name : format.file_names) require_size(files.folder / name, format, files);  // before memory is taken
    pixels.reserve(format.file_names.size() * format.records * image_bytes);
    for (const std::string& name : format.file_names) append_file(files.folder / name, format, files, pixels, labels);
    return in_memory(channels, side, std::move(pixels), std::move(labels));
}

RawSplit read_cifar10_split(const SetFiles& files, const std::string& split) {
    CifarFormat format{.file_names = {"test_batch.bin"}, .records = 10'000, .python_names = {"test_batch"}};
    if (split == "train") {
        format.file_names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
        format.python_names = {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"};
    }
    return read_either(files, format);
}

RawSplit read_cifar100_split(const SetFiles& files, const std::string& split) {
    return read_either(files, {.file_names = {split + ".bin"},
                               .records = split == "train" ? std::size_t{50'000} : std::size_t{10'000},
                               .label_bytes = 2,
                               .coarse_classes = 20,
                               .python_names = {split}});
}

}  // namespace orograph::data
