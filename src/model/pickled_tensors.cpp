#include "pickled_tensors.hpp"

#include "torch_types.hpp"

#include "orograph/core/fault.hpp"
#include "orograph/core/quote.hpp"

#include <algorithm>

namespace orograph::model {
namespace {

constexpr std::size_t max_dimensions = 64;  // PyTorch allows no more
constexpr std::string_view other_kind = "sparse, quantised or without data";
constexpr int max_wrappings = 4;  // a Parameter of a subclass of Tensor has two

template <class Wanted>
const Wanted& as(const pickle::Value& value, const char* what) {
    const auto* wanted = std::get_if<Wanted>(&value);
    require(wanted != nullptr, "its pickle has something else in the place of ", what);
    return *wanted;
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

// A tensor whose elements we cannot read. It is named where it stands, and refused where the network needs it.
StoredTensor unreadable(std::string_view kind) {
    return {kind, {}, {}, 0, {}};
}

// What a Parameter, a subclass of Tensor, or a device's own tensor is made of: the first argument.
bool wraps_a_tensor(std::string_view function) {
    return function == "_rebuild_parameter" || function == "_rebuild_parameter_with_state" ||
           function == "_rebuild_device_tensor_from_cpu_tensor";
}

}  // namespace

std::optional<StoredTensor> PickledTensors::read(const pickle::Value& value) {
    pickle::Value inner = value;
    for (int wrapping = 0; wrapping < max_wrappings; ++wrapping) {
        const pickle::QualifiedName* maker = tree_.maker_of(inner);
        if (maker == nullptr) return std::nullopt;
        const auto* arguments = tree_.elements_of(tree_.objects[std::get<pickle::Object>(inner).id].arguments);
        if (arguments == nullptr || arguments->empty()) return std::nullopt;
        if (maker->module == "torch._tensor" && maker->name == "_rebuild_from_type_v2") {  // (function, type, its arguments, state)
            const auto* function = std::get_if<pickle::Name>(&arguments->front());
            const auto* inner_arguments = arguments->size() > 2 ? tree_.elements_of((*arguments)[2]) : nullptr;
            if (function == nullptr || inner_arguments == nullptr || inner_arguments->empty()) return std::nullopt;
            maker = &tree_.names[function->id];
            arguments = inner_arguments;
        }
        if (maker->module != "torch._utils") return std::nullopt;
        if (!wraps_a_tensor(maker->name)) return rebuild(maker->name, *arguments);
        inner = arguments->front();
    }
    return std::nullopt;
}

// _rebuild_tensor(storage, offset, size, stride), _v2 with requires_grad, hooks[, metadata] after them, _v3 with the dtype before the
// metadata.
std::optional<StoredTensor> PickledTensors::rebuild(std::string_view function, const Arguments& arguments) {
    const bool is_typed = function == "_rebuild_tensor_v3", is_plain = function == "_rebuild_tensor";
    if (!is_typed && !is_plain && function != "_rebuild_tensor_v2")
        return function.starts_with("_rebuild_") ? std::optional(unreadable(other_kind)) : std::nullopt;
    const Storage* storage = storage_of(arguments.front());
    if (storage == nullptr) return unreadable(other_kind);
    const std::size_t least = is_plain ? 4 : is_typed ? 7 : 6;
    require(arguments.size() == least || (!is_plain && arguments.size() == least + 1), "one of its tensors is described by ",
            arguments.size(), " values");
    Storage typed = *storage;
    if (is_typed) {
        const pickle::QualifiedName name = tree_.names[as<pickle::Name>(arguments[6], "a tensor's dtype").id];
        typed.dtype = name.module == "torch" ? dtype_of_torch(name.name) : "";
        if (typed.dtype.empty()) return unreadable(other_kind);
    }
    return view_of(typed, arguments, least);
}

StoredTensor PickledTensors::view_of(const Storage& storage, const Arguments& arguments, std::size_t least) {
    StoredTensor tensor{storage.dtype, sizes(arguments[2], "the size"), sizes(arguments[3], "the stride"),
                        as<std::int64_t>(arguments[1], "a tensor's offset"), storage.bytes};
    require(tensor.shape.size() == tensor.strides.size(), "one of its tensors has ", tensor.shape.size(), " sizes and ",
            tensor.strides.size(), " strides");
    const auto elements = static_cast<std::int64_t>(storage.bytes.size() / storage_element_bytes(tensor.dtype));
    require(tensor.offset >= 0 && reach(tensor) <= elements, "one of its tensors reaches beyond the ", elements,
            " elements of its storage");
    const bool is_view = arguments.size() > least && tree_.is_dict(arguments.back()) && !tree_.entries_of(arguments.back()).empty();
    if (is_view) tensor.dtype = "a conjugated or negated view";
    return tensor;
}

const PickledTensors::Storage* PickledTensors::storage_of(const pickle::Value& value) {
    const auto& object = as<pickle::Object>(value, "a tensor's storage");
    const auto known = storages_.find(object.id);
    if (known != storages_.end()) return known->second ? &*known->second : nullptr;
    const pickle::Call& call = tree_.objects[object.id];
    require(std::holds_alternative<pickle::Other>(call.callee), "its pickle has something else in the place of a tensor's storage");
    auto& storage = storages_[object.id] = read_storage(call.arguments);
    return storage ? &*storage : nullptr;
}

// ("storage", type, key, location, elements); nothing where the type is unknown.
std::optional<PickledTensors::Storage> PickledTensors::read_storage(const pickle::Value& persistent_id) const {
    const auto* fields = tree_.elements_of(persistent_id);
    require(fields != nullptr && fields->size() >= 5 && as<std::string_view>((*fields)[0], "a storage's mark") == "storage",
            "its pickle names a storage in an unknown way");
    const pickle::QualifiedName type = tree_.names[as<pickle::Name>((*fields)[1], "a storage's type").id];
    const std::string_view dtype = type.module == "torch" || type.module == "torch.storage" ? dtype_of_storage(type.name) : "";
    if (dtype.empty()) return std::nullopt;
    const std::string_view key = as<std::string_view>((*fields)[2], "a storage's key");
    const std::int64_t elements = as<std::int64_t>((*fields)[4], "a storage's length");
    const auto bytes = lookup_(key);
    std::int64_t needed = 0;
    const bool fits = elements >= 0 &&
                      !__builtin_mul_overflow(elements, static_cast<std::int64_t>(storage_element_bytes(dtype)), &needed) &&
                      static_cast<std::uint64_t>(needed) == bytes.size();
    require(fits, "its storage ", quote(key), " has ", bytes.size(), " bytes where ", elements, " elements of ", dtype, " are promised");
    return Storage{dtype, bytes};
}

std::vector<std::int64_t> PickledTensors::sizes(const pickle::Value& value, const char* what) const {
    const auto* wrapped = tree_.arguments_of(value, "torch", "Size");
    const auto* entries = tree_.elements_of(wrapped != nullptr && wrapped->size() == 1 ? wrapped->front() : value);
    require(entries != nullptr && entries->size() <= max_dimensions, what, " of one of its tensors is no tuple of at most ", max_dimensions,
            " numbers");
    std::vector<std::int64_t> sizes;
    for (const pickle::Value& entry : *entries) {
        sizes.push_back(as<std::int64_t>(entry, what));
        require(sizes.back() >= 0, what, " of one of its tensors has the entry ", sizes.back());
    }
    return sizes;
}

}  // namespace orograph::model
