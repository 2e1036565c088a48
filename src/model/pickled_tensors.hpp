#pragma once

#include "stored_tensor.hpp"

#include "orograph/core/pickle.hpp"

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace orograph::model {

// The bytes of a storage by its key. Throws Fault.
using StorageLookup = std::function<std::span<const std::byte>(std::string_view key)>;

// Finds out which objects of a pickle are tensors, as torch.save writes them, and where their elements lie. Every storage is as long as the
// pickle says, every tensor lies within its storage; Fault otherwise.
class PickledTensors {
public:
    PickledTensors(const pickle::Tree& tree, const StorageLookup& lookup) : tree_(tree), lookup_(lookup) {}

    // Nothing for what is no tensor. Of tensors that are none of ours (sparse, quantised, without storage) the dtype says so in words that
    // float_name() does not know.
    std::optional<StoredTensor> read(const pickle::Value& value);

private:
    struct Storage {
        std::string_view dtype;
        std::span<const std::byte> bytes;
    };
    using Arguments = std::vector<pickle::Value>;

    std::optional<StoredTensor> rebuild(std::string_view function, const Arguments& arguments);
    StoredTensor view_of(const Storage& storage, const Arguments& arguments, std::size_t least);
    const Storage* storage_of(const pickle::Value& value);
    std::optional<Storage> read_storage(const pickle::Value& persistent_id) const;
    std::vector<std::int64_t> sizes(const pickle::Value& value, const char* what) const;

    const pickle::Tree& tree_;
    const StorageLookup& lookup_;
    std::map<std::uint32_t, std::optional<Storage>> storages_;  // by the object that stands for it
};

}  // namespace orograph::model
