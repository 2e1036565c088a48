// MNIST's IDX files. An input is the number of bytes of the labels' file (two bytes, little-endian), that file, and the images' file; each
// is plain or gzip.
#include "fuzz.hpp"

#include "orograph/data/dataset.hpp"

#include <algorithm>
#include <fstream>

namespace {

using namespace orograph;

// Deflate makes 1032 bytes of one; a label becomes int64, an image's byte a float32.
constexpr fuzz::Allowance allowance{.factor = 1032 * 8};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const fuzz::Bytes files(data + 2, size - 2);
    const std::size_t label_bytes = std::min<std::size_t>(files.size(), data[0] + 256U * data[1]);
    fuzz::put("t10k-labels-idx1-ubyte", files.first(label_bytes));
    fuzz::put("t10k-images-idx3-ubyte", files.subspan(label_bytes));
    fuzz::attempt(size, allowance, [] {
        const auto dataset = data::load({.set = "mnist", .folder = fuzz::folder(), .splits = {"test"}});
        fuzz::must(dataset.splits.at(0).size() > 0, "a set has images");
    });
    return 0;
}
