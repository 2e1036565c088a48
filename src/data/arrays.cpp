#include "array_file.hpp"
#include "raw_split.hpp"
#include "resident.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string_view>

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_values = std::int64_t{1} << 24;  // of one image: 64 MiB in float32
constexpr std::int64_t usual_classes = 1000;                 // ImageNet's: more need as many images, or data.classes

void check_keys(const Source& source) {
    OROGRAPH_VALIDATE(source.folder.empty(), ExitCode::config, "data.folder is not for data.set: ", own_set,
                      "; name the files in data.files");
    OROGRAPH_VALIDATE(!source.classes || *source.classes > 0, ExitCode::config, "data.classes is ", *source.classes,
                      "; it must be at least 1");
    for (const std::string& split : source.splits) {
        const auto found = source.files.find(split);
        OROGRAPH_VALIDATE(found != source.files.end() && !found->second.empty(), ExitCode::config, "data.files.", split,
                          " is missing: name the file of that split, or list only the others in data.splits");
    }
}

ArrayFile open_file(const fs::path& path, const std::string& split) {
    std::error_code unreadable;
    OROGRAPH_VALIDATE(fs::is_regular_file(path, unreadable), ExitCode::no_input, "data.files.", split, ": there is no file ", path,
                      "; check the path");
    constexpr std::size_t json = 8;  // where a safetensors header starts
    std::array<char, 9> start{};
    std::ifstream file(path, std::ios::binary);
    OROGRAPH_VALIDATE(file, ExitCode::no_input, "data.files.", split, ": cannot open ", path, "; check its permissions");
    file.read(start.data(), start.size());
    if (std::string_view(start.data(), start.size()).starts_with("\x89HDF\r\n\x1a\n")) return open_hdf5(path, split);
    OROGRAPH_VALIDATE(start[json] == '{', ExitCode::data, "data.files.", split, ": ", path,
                      " is neither an HDF5 nor a safetensors file; convert it to one of them");
    return open_safetensors(path, split);
}

std::string show(const StoredArray& array) {
    std::vector<std::string> sizes;
    for (const std::int64_t size : array.shape) sizes.push_back(std::to_string(size));
    return cat(array.where, " is ", array.type, " [", join(sizes), "]");
}

void check_types(const StoredArray& images, const StoredArray& labels) {
    OROGRAPH_VALIDATE(images.type == "uint8" || images.type == "float32", ExitCode::data, show(images),
                      "; images are uint8 or float32: convert them");
    OROGRAPH_VALIDATE(images.shape.size() == 4, ExitCode::data, show(images),
                      "; images have four dimensions [N, channels, height, width]: reshape them");
    OROGRAPH_VALIDATE(labels.type.starts_with("int") || labels.type.starts_with("uint"), ExitCode::data, show(labels),
                      "; labels are whole numbers from 0: convert them to an integer type");
    OROGRAPH_VALIDATE(labels.shape.size() == 1, ExitCode::data, show(labels), "; labels have one dimension [N]: reshape them");
    OROGRAPH_VALIDATE(labels.shape[0] == images.shape[0], ExitCode::data, show(images), ", but ", show(labels),
                      "; each image needs one label");
    OROGRAPH_VALIDATE(images.shape[0] > 0, ExitCode::data, show(images), ": there are no images");
}

void check_size(const StoredArray& images) {
    std::int64_t values = 1;
    for (const std::int64_t size : std::span(images.shape).subspan(1)) {
        OROGRAPH_VALIDATE(size >= 1 && size <= most_values / values, ExitCode::data, show(images),
                          size < 1 ? ": its images are empty" : cat(": an image has more than ", most_values, " values"),
                          "; the order is [N, channels, height, width]");
        values *= size;
    }
}

// What the networks of the table take.
void check_image_shape(const StoredArray& images) {
    const std::int64_t channels = images.shape[1], height = images.shape[2], width = images.shape[3];
    OROGRAPH_VALIDATE(channels == 1 || channels == 3, ExitCode::data, show(images), ": ", channels,
                      " channels, and the networks of the table take 1 or 3; the order is [N, channels, height, width]");
    const bool padded = height == padded_side && width == padded_side && images.type == "uint8";
    OROGRAPH_VALIDATE(padded || (height == network_side && width == network_side), ExitCode::data, show(images), ": images of ", height,
                      "x", width, " pixels, and the networks of the table take ", network_side, "x", network_side,
                      "; resize or pad them (only uint8 images of 28x28 are padded here), or export a network that takes them");
}

RawSplit open_split(const fs::path& path, const std::string& name, bool any_size) {
    ArrayFile file = open_file(path, name);
    check_types(file.images, file.labels);
    check_size(file.images);
    if (!any_size) check_image_shape(file.images);
    const auto& shape = file.images.shape;
    return {.name = name,
            .where = file.images.where,
            .pixel = file.images.type == "uint8" ? Pixel::uint8 : Pixel::float32,
            .channels = shape[1],
            .height = shape[2],
            .width = shape[3],
            .labels = file.read_labels(),
            .step = file.step,
            .read = std::move(file.read_images)};
}

void check_alike(const RawSplit& first, const RawSplit& other, const std::optional<ImageShape>& image) {
    const std::int64_t wider = 2 * (margin_of(first, image) - margin_of(other, image));
    const auto words = [](const RawSplit& split) {
        return cat(split.where, " holds ", split.pixel == Pixel::uint8 ? "uint8" : "float32", " images of ", split.channels,
                   split.channels == 1 ? " channel" : " channels", " and ", split.height, "x", split.width, " pixels");
    };
    const bool alike = first.channels == other.channels && first.height + wider == other.height && first.width + wider == other.width;
    OROGRAPH_VALIDATE(alike && first.pixel == other.pixel, ExitCode::data, words(first), ", and ", words(other),
                      "; all splits must be alike");
}

// The classes that the labels make.
int count_classes(const std::vector<RawSplit>& splits) {
    std::int64_t classes = 1;
    for (const RawSplit& split : splits) {
        const auto largest = std::max_element(split.labels.begin(), split.labels.end());
        OROGRAPH_VALIDATE(*largest < std::max(split.size(), usual_classes), ExitCode::data, split.where, ": image ",
                          largest - split.labels.begin(), " has label ", *largest, ", which would make more classes than images; ",
                          "correct the labels, or set data.classes");
        classes = std::max(classes, *largest + 1);
    }
    return static_cast<int>(classes);
}

void check_labels(const RawSplit& split, int classes) {
    const auto bad =
        std::find_if(split.labels.begin(), split.labels.end(), [&](std::int64_t label) { return label < 0 || label >= classes; });
    if (bad == split.labels.end()) return;
    const std::string place = cat(split.where, ": image ", bad - split.labels.begin(), " has label ", *bad);
    throw Error(ExitCode::data, *bad < 0 ? cat(place, "; labels count from 0: correct it")
                                         : cat(place, ", and there are only ", classes, " classes; correct it, or set data.classes"));
}

}  // namespace

RawSet open_arrays(const Source& source) {
    check_keys(source);
    RawSet raw;
    for (const std::string& name : source.splits) {
        raw.splits.push_back(open_split(source.files.at(name), name, source.image.has_value()));
        check_alike(raw.splits.front(), raw.splits.back(), source.image);
    }
    raw.channels = static_cast<int>(raw.splits.front().channels);
    raw.classes = source.classes ? *source.classes : count_classes(raw.splits);
    for (const RawSplit& split : raw.splits) check_labels(split, raw.classes);
    const auto channels = static_cast<std::size_t>(raw.channels);
    raw.usual = {std::vector<double>(channels, 0), std::vector<double>(channels, 1)};
    return raw;
}

}  // namespace orograph::data
