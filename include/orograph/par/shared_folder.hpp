#pragma once

#include "orograph/par/communicator.hpp"

#include <filesystem>

namespace orograph::par {

// Collective over comm. Every rank sees under `folder` what rank 0 sees there: rank 0 makes an empty file of a new name for as long as the
// others look for it (a new name, because network file systems remember which names were missing). Error(cannot_create) with the first rank
// and host that does not, and where rank 0 cannot make a file.
void require_shared_folder(const Communicator& comm, const std::filesystem::path& folder);

}  // namespace orograph::par
