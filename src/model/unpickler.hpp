#pragma once

#include "pickle_value.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace orograph::model {

// The bytes of a storage by its key. Throws Fault.
using StorageLookup = std::function<std::span<const std::byte>(std::string_view key)>;

// Reads the pickle (protocol 2 to 5) of a torch.save archive: the instructions that torch.save writes, and of names only find_global()'s.
// It builds values and runs nothing: an unknown name is refused before anything is done with it. Every storage is as long as the pickle
// says, every tensor lies within its storage. Memory and time are bounded by the bytes of the pickle; nothing recurses. Fault otherwise.
// The result holds views into `pickle` and into the storages.
PickledTree unpickle(std::span<const std::byte> pickle, const StorageLookup& lookup);

}  // namespace orograph::model
