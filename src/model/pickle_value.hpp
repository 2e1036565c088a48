#pragma once

#include "stored_tensor.hpp"

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace orograph::model {

// What a name in a pickle may stand for; calling it builds data and never runs code.
enum class GlobalKind {
    ordered_dict,
    ignored,  // data that no weights are made of: a counter, a set, a device
    size,
    tensor,        // _rebuild_tensor_v2
    typed_tensor,  // _rebuild_tensor_v3
    parameter,
    storage,
    dtype
};

struct PickleGlobal {
    std::string_view module, name;
    GlobalKind kind;
    std::string_view dtype{};  // storage and dtype: safetensors' word
};

// The allowed name; null for every other.
const PickleGlobal* find_global(std::string_view module, std::string_view name);

// Bytes of one element of a storage or dtype that find_global() knows.
std::size_t storage_element_bytes(std::string_view dtype);

struct Opaque {};  // None, a float, bytes, a set ...: a value without consequence
struct StorageId {
    std::uint32_t id = 0;
};
struct TensorId {
    std::uint32_t id = 0;
};
// A container: number `id` in PickledTree::items. Two values may share one, and one may hold itself.
struct Items {
    enum class Kind { tuple, list, dict, ordered_dict };
    Kind kind = Kind::tuple;
    std::uint32_t id = 0;

    bool is_dict() const { return kind == Kind::dict || kind == Kind::ordered_dict; }
};

using PickleValue = std::variant<Opaque, std::int64_t, std::string_view, Items, const PickleGlobal*, StorageId, TensorId>;

struct PickledTree {
    PickleValue root;
    std::vector<std::vector<PickleValue>> items;  // of a dict: key, value, key, value ...
    std::vector<StoredTensor> tensors;
};

}  // namespace orograph::model
