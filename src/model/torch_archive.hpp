#pragma once

#include "pickled_dicts.hpp"

#include <cstddef>
#include <span>

namespace orograph::model {

// Reads what torch.save (PyTorch 1.6 and later) wrote: a zip archive of one pickle and the storages. Fault for everything else.
StateDicts read_torch_archive(std::span<const std::byte> file);

}  // namespace orograph::model
