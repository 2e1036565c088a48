// Li et al.'s direction files, HDF5.
#include "fuzz.hpp"

#include "orograph/survey/direction_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace orograph;
    const auto path = fuzz::put("input.h5", {data, size});
    fuzz::attempt(size, {.fixed = std::size_t{8} << 20}, [&] {
        const auto tensors = survey::read_direction_file(path, "xdirection");
        fuzz::must(!tensors.empty(), "a direction has tensors");
    });
    return 0;
}
