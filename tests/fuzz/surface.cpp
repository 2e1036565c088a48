// Surface files of the program itself, HDF5.
#include "fuzz.hpp"

#include "orograph/survey/surface_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace orograph;
    const auto path = fuzz::put("input.h5", {data, size});
    fuzz::attempt(size, {.fixed = std::size_t{8} << 20}, [&] {
        const auto surface = survey::read_surface(path);
        const auto points = static_cast<std::size_t>(surface.schema.grid.size());
        fuzz::must(surface.statuses.size() == points && surface.crcs.size() == points, "each point has a status and a checksum");
        for (const auto& values : surface.values) fuzz::must(values.size() == points, "each point has a value of each field");
    });
    return 0;
}
