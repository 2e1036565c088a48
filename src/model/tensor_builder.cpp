#include "tensor_builder.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>

namespace orograph::model {
namespace {

constexpr std::size_t max_dimensions = 8;  // more than any layer has; PyTorch allows 64

template <class Wanted>
const Wanted& as(const PickleValue& value, const char* what) {
    const auto* wanted = std::get_if<Wanted>(&value);
    require(wanted != nullptr, "its pickle has something else in the place of ", what);
    return *wanted;
}

const PickleGlobal& global_of(const PickleValue& value, GlobalKind kind, const char* what) {
    const PickleGlobal* global = as<const PickleGlobal*>(value, what);
    require(global->kind == kind, "its pickle has ", global->name, " in the place of ", what);
    return *global;
}

// Elements from the first to the last that the tensor reaches, 0 for an empty one. Fault where that overflows.
std::int64_t reach(const StoredTensor& tensor) {
    if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) return 0;
    std::int64_t last = tensor.offset;
    bool overflow = false;
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
        std::int64_t step = 0;
        overflow |= __builtin_mul_overflow(tensor.shape[axis] - 1, tensor.strides[axis], &step);
        overflow |= __builtin_add_overflow(last, step, &last);
    }
    require(!overflow && !__builtin_add_overflow(last, 1, &last), "the sizes and strides of one of its tensors overflow");
    return last;
}

}  // namespace

StorageId TensorBuilder::add_storage(const PickleValue& persistent_id) {
    const Items& tuple = as<Items>(persistent_id, "a storage");
    const auto& fields = tree_.items[tuple.id];
    require(tuple.kind == Items::Kind::tuple && fields.size() == 5 && as<std::string_view>(fields[0], "a storage's mark") == "storage",
            "its pickle names a storage in an unknown way");
    const std::string_view dtype = global_of(fields[1], GlobalKind::storage, "a storage's type").dtype;
    const std::string_view key = as<std::string_view>(fields[2], "a storage's key");
    const std::int64_t elements = as<std::int64_t>(fields[4], "a storage's length");
    const auto bytes = lookup_(key);
    std::int64_t needed = 0;
    const bool fits = elements >= 0 &&
                      !__builtin_mul_overflow(elements, static_cast<std::int64_t>(storage_element_bytes(dtype)), &needed) &&
                      static_cast<std::uint64_t>(needed) == bytes.size();
    require(fits, "its storage ", quote(key), " has ", bytes.size(), " bytes where ", elements, " elements of ", dtype, " are promised");
    storages_.push_back({dtype, bytes});
    return {static_cast<std::uint32_t>(storages_.size() - 1)};
}

std::vector<std::int64_t> TensorBuilder::sizes(const PickleValue& value, const char* what) const {
    const Items& tuple = as<Items>(value, what);
    const auto& entries = tree_.items[tuple.id];
    require(tuple.kind == Items::Kind::tuple && entries.size() <= max_dimensions, what, " of one of its tensors is no tuple of at most ",
            max_dimensions, " numbers");
    std::vector<std::int64_t> sizes;
    for (const PickleValue& entry : entries) {
        sizes.push_back(as<std::int64_t>(entry, what));
        require(sizes.back() >= 0, what, " of one of its tensors has the entry ", sizes.back());
    }
    return sizes;
}

TensorId TensorBuilder::add_tensor(const std::vector<PickleValue>& arguments, GlobalKind kind) {
    const std::size_t least = kind == GlobalKind::typed_tensor ? 7 : 6;
    require(arguments.size() == least || arguments.size() == least + 1, "one of its tensors is described by ", arguments.size(), " values");
    const Storage& storage = storages_[as<StorageId>(arguments[0], "a tensor's storage").id];
    StoredTensor tensor{storage.dtype, sizes(arguments[2], "the size"), sizes(arguments[3], "the stride"),
                        as<std::int64_t>(arguments[1], "a tensor's offset"), storage.bytes};
    if (kind == GlobalKind::typed_tensor) tensor.dtype = global_of(arguments[6], GlobalKind::dtype, "a tensor's dtype").dtype;
    if (arguments.size() > least) {  // conjugated or negated views
        const auto* flags = std::get_if<Items>(&arguments.back());
        require(flags == nullptr || tree_.items[flags->id].empty(), "one of its tensors is a conjugated or negated view");
    }
    require(tensor.shape.size() == tensor.strides.size(), "one of its tensors has ", tensor.shape.size(), " sizes and ",
            tensor.strides.size(), " strides");
    const auto elements = static_cast<std::int64_t>(storage.bytes.size() / storage_element_bytes(tensor.dtype));
    require(tensor.offset >= 0 && reach(tensor) <= elements, "one of its tensors reaches beyond the ", elements,
            " elements of its storage");
    tree_.tensors.push_back(std::move(tensor));
    return {static_cast<std::uint32_t>(tree_.tensors.size() - 1)};
}

}  // namespace orograph::model
