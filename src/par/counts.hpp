#pragma once

#include "orograph/core/error.hpp"

#include <cstddef>
#include <limits>

namespace orograph::par {

// The one way from a size to one of MPI's counts. Error(internal) beyond an int.
inline int checked_count(std::size_t size) {
    OROGRAPH_VALIDATE(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), ExitCode::internal, "an MPI message of ", size,
                      " bytes is too large");
    return static_cast<int>(size);
}

// Larger buffers travel in pieces of this size.
inline constexpr std::size_t largest_piece = std::size_t{1} << 28;

}  // namespace orograph::par
