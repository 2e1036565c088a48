// CIFAR's binary files, which have one size only: of an input's first byte the lowest bit chooses CIFAR-100, the next one keeps the rest as
// it is; else the rest fills the file again and again.
#include "fuzz.hpp"

#include "orograph/data/dataset.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace orograph;

constexpr std::size_t images = 10'000, image_bytes = 3 * 32 * 32;

// The pattern again and again, twice as much at a time.
std::vector<std::uint8_t> filled(fuzz::Bytes pattern, std::size_t bytes) {
    std::vector<std::uint8_t> content(bytes);
    std::size_t done = std::min(pattern.size(), bytes);
    std::copy_n(pattern.data(), done, content.data());
    for (; done > 0 && done < bytes; done += std::min(done, bytes - done))
        std::copy_n(content.data(), std::min(done, bytes - done), content.data() + done);
    return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const bool fine = (data[0] & 1) != 0, as_it_is = (data[0] & 2) != 0;
    const fuzz::Bytes rest(data + 1, size - 1);
    const std::string name = fine ? "test.bin" : "test_batch.bin";
    const std::size_t bytes = images * (image_bytes + (fine ? 2 : 1));
    if (as_it_is)
        fuzz::put(name, rest);
    else
        fuzz::put(name, filled(rest, bytes));
    fuzz::attempt(as_it_is ? rest.size() : bytes, {},
                  [&] { data::load({.set = fine ? "cifar100" : "cifar10", .folder = fuzz::folder(), .splits = {"test"}, .limit = 8}); });
    return 0;
}
