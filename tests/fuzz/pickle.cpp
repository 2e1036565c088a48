// The pickle of a torch.save archive, without the archive around it: more of the input reaches the pickle machine and the search for
// tensors.
#include "fuzz.hpp"
#include "pickled_dicts.hpp"
#include "torch_types.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fault.hpp"

#include <array>
#include <vector>

namespace {

using namespace orograph;

// Every element lies in its storage, as copy_as_float() relies on.
void check_tensor(const model::StoredTensor& tensor) {
    const auto elements = static_cast<std::int64_t>(tensor.storage.size() / model::storage_element_bytes(tensor.dtype));
    std::int64_t last = tensor.offset;
    bool empty = false;
    fuzz::must(tensor.shape.size() == tensor.strides.size() && tensor.offset >= 0, "a tensor has a stride for each size");
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
        empty = empty || tensor.shape[axis] == 0;
        last += (tensor.shape[axis] - 1) * tensor.strides[axis];
    }
    fuzz::must(empty || (last >= 0 && last < elements), "a tensor lies in its storage");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::array<std::byte, 64> storage{};
    const std::vector<std::byte> bytes(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
    fuzz::attempt(size, {}, [&] {
        try {
            const model::StorageLookup lookup = [](std::string_view key) { return std::span(storage).first(key.size() % 3 * 16); };
            const auto found = model::find_state_dicts(pickle::read(bytes), lookup);
            for (const auto& tensor : found.tensors) check_tensor(tensor);
        } catch (const Fault& fault) {
            throw Error(ExitCode::data, fault.what());
        }
    });
    return 0;
}
