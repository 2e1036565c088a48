// Arrays of the user's own, HDF5 or safetensors.
#include "fuzz.hpp"

#include "orograph/data/dataset.hpp"

namespace {

using namespace orograph;

// Deflate makes 1032 bytes of one; a label becomes int64, an image's byte a float32. HDF5's own tables take a few MiB.
constexpr fuzz::Allowance allowance{.fixed = std::size_t{8} << 20, .factor = 1032 * 8};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto path = fuzz::put("input.arrays", {data, size});
    fuzz::attempt(size, allowance, [&] {
        const auto dataset = data::load({.set = data::own_set, .files = {{"train", path}}, .splits = {"train"}});
        fuzz::must(dataset.splits.at(0).size() > 0 && dataset.classes > 0, "a set has images and classes");
    });
    return 0;
}
