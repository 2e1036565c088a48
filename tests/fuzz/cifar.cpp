// CIFAR's files. Of an input's first byte the lowest bit chooses CIFAR-100's records; the next one keeps the rest as it is, else the rest
// fills the binary files again and again; the third one makes the rest a file of the Python version. The files are the real ones but for
// their number of images, which has no say in how they are read.
#include "cifar.hpp"

#include "fuzz.hpp"
#include "resident.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace orograph;

constexpr std::size_t images = 3, image_bytes = 3 * 32 * 32;

std::vector<std::uint8_t> filled(fuzz::Bytes pattern, std::size_t bytes) {
    std::vector<std::uint8_t> content(bytes);
    for (std::size_t k = 0; k < bytes && !pattern.empty(); ++k) content[k] = pattern[k % pattern.size()];
    return content;
}

data::RawSplit read(const data::CifarFormat& format, int classes) {
    const data::SetFiles files{"cifar", fuzz::folder(), classes, "fetch it again"};
    if (!format.python_names.empty()) return data::read_python_cifar(files, format);
    data::RawSplit raw = data::read_cifar_split(files, format);
    fuzz::must(raw.size() == static_cast<std::int64_t>(format.file_names.size() * images), "each record is an image");
    return raw;
}

// What data::load() does with a known set.
void load(const data::CifarFormat& format, int classes) {
    data::RawSplit raw = read(format, classes);
    for (const std::int64_t label : raw.labels) fuzz::must(label >= 0 && label < classes, "labels are of the classes");
    raw.name = "train";
    std::vector<std::int64_t> all(raw.labels.size());
    std::iota(all.begin(), all.end(), std::int64_t{0});
    Fingerprint digest;
    data::make_resident(raw, all, {{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}}, classes, digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const bool fine = (data[0] & 1) != 0, as_it_is = (data[0] & 2) != 0;
    const fuzz::Bytes rest(data + 1, size - 1);
    const data::CifarFormat format{{"a.bin", "b.bin"}, images, fine ? std::size_t{2} : std::size_t{1}, fine ? 20 : 0};
    if ((data[0] & 4) != 0) {
        fuzz::put("python", rest);
        fuzz::attempt(size, {},
                      [&] { load({.records = images, .coarse_classes = fine ? 20 : 0, .python_names = {"python"}}, fine ? 100 : 10); });
        return 0;
    }
    const std::size_t bytes = images * (image_bytes + format.label_bytes);
    const auto content = as_it_is ? std::vector<std::uint8_t>(rest.begin(), rest.end()) : filled(rest, 2 * bytes);
    const std::size_t first = std::min(content.size(), bytes);
    fuzz::put("a.bin", fuzz::Bytes(content).first(first));
    fuzz::put("b.bin", fuzz::Bytes(content).subspan(first));
    fuzz::attempt(content.size(), {}, [&] { load(format, fine ? 100 : 10); });
    return 0;
}
