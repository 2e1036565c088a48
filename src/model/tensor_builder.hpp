#pragma once

#include "pickle_value.hpp"
#include "unpickler.hpp"

namespace orograph::model {

// Makes storages and tensors from the values that a pickle gives for them, into a tree's tensors.
class TensorBuilder {
public:
    TensorBuilder(PickledTree& tree, const StorageLookup& lookup) : tree_(tree), lookup_(lookup) {}

    // persistent_id is ("storage", type, key, location, elements). Fault where the storage has another length.
    StorageId add_storage(const PickleValue& persistent_id);
    // _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]), and _v3 with the dtype before the metadata.
    // Fault where an element would lie outside of the storage.
    TensorId add_tensor(const std::vector<PickleValue>& arguments, GlobalKind kind);

private:
    struct Storage {
        std::string_view dtype;
        std::span<const std::byte> bytes;
    };
    std::vector<std::int64_t> sizes(const PickleValue& value, const char* what) const;

    PickledTree& tree_;
    const StorageLookup& lookup_;
    std::vector<Storage> storages_;
};

}  // namespace orograph::model
