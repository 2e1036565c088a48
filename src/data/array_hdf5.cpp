#include "array_file.hpp"

#include "orograph/core/error.hpp"
#include "orograph/h5/file.hpp"

#include <memory>

namespace orograph::data {
namespace {

constexpr std::int64_t least_step = 1024;

StoredArray describe(const h5::Array& array) {
    return {array.where(), array.type(), array.shape()};
}

void read_pixels(const h5::Array& images, std::int64_t first, std::int64_t count, std::span<std::byte> out) {
    if (images.type() == "uint8") {
        images.read_rows(first, count, std::span(reinterpret_cast<std::uint8_t*>(out.data()), out.size()));
    } else {
        images.read_rows(first, count, std::span(reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)));
    }
}

}  // namespace

ArrayFile open_hdf5(const std::filesystem::path& path, const std::string& split) {
    const h5::File file = h5::File::open(path);  // HDF5 keeps it open as long as a dataset of it is
    const h5::Group root = file.root();
    const bool at_root = root.has("images");
    OROGRAPH_VALIDATE(at_root || root.has(split), ExitCode::data, root.where(), " has neither a dataset 'images' nor a group '", split,
                      "'; store images and labels in one of these places");
    const h5::Group group = at_root ? file.root() : root.open_group(split);
    const auto images = std::make_shared<h5::Array>(group.open_array("images"));
    const auto labels = std::make_shared<h5::Array>(group.open_array("labels"));
    const std::int64_t chunk = images->chunk_rows();
    return {.images = describe(*images),
            .labels = describe(*labels),
            .step = (least_step + chunk - 1) / chunk * chunk,
            .read_images = [images](std::int64_t first, std::int64_t count,
                                    std::span<std::byte> out) { read_pixels(*images, first, count, out); },
            .read_labels =
                [labels] {
                    std::vector<std::int64_t> values(static_cast<std::size_t>(labels->shape().at(0)));
                    labels->read_rows(0, labels->shape()[0], std::span(values));
                    return values;
                }};
}

}  // namespace orograph::data
