#pragma once

#include "orograph/par/communicator.hpp"

#include <filesystem>

namespace orograph::par {

// Collective over comm. Every rank sees in the folder of `output`, a file that rank 0 has locked, what rank 0 sees there: rank 0 makes an empty
// file for as long as the others look for it, of a new name, because network file systems remember which names were missing. Removes those of
// jobs that were killed. Error(cannot_create) with the first rank and host that does not see it, and where rank 0 cannot make a file.
void require_shared_folder(const Communicator& comm, const std::filesystem::path& output);

}  // namespace orograph::par
