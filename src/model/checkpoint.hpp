#pragma once

#include "torch_archive.hpp"

#include "orograph/core/safetensors.hpp"

#include <cstddef>
#include <filesystem>
#include <vector>

namespace orograph::model {

// A file of weights with everything that it holds.
struct Checkpoint {
    std::vector<std::byte> bytes;
    SafetensorsView safetensors;  // empty for an archive
    StateDicts content;           // views into both
};

// Reads safetensors or an archive of torch.save; the content of the file decides, not its name. Error(no_input), Error(data): what else it
// is, damage, anything hostile; says how to convert the formats of PyTorch before 1.6.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace orograph::model
