// safetensors: what is read and written again is the same.
#include "orograph/core/safetensors.hpp"

#include "fuzz.hpp"

namespace {

using namespace orograph;

void check_round_trip(const TensorFile& file) {
    const auto copy = fuzz::folder() / "copy.safetensors";
    write_safetensors(copy, file);
    const TensorFile again = read_safetensors(copy);
    fuzz::must(again.tensors.size() == file.tensors.size(), "a written file has as many tensors");
    for (const FileTensor& tensor : file.tensors) {
        bool found = false;
        for (const FileTensor& other : again.tensors) {
            found = found ||
                    (other.name == tensor.name && other.dtype == tensor.dtype && other.shape == tensor.shape && other.data == tensor.data);
        }
        fuzz::must(found, "a written tensor is read back");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto path = fuzz::put("input.safetensors", {data, size});
    fuzz::attempt(size, {}, [&] { check_round_trip(read_safetensors(path)); });
    return 0;
}
