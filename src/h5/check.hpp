#pragma once

#include "orograph/core/error.hpp"

#include <string>

namespace orograph::h5 {

// Initialises HDF5 without its error printing, and without its exit handler: that one would close files left open by an error, which is
// collective. Idempotent; call before the first use of the library, after MPI is up.
void start_library();

// The innermost reason on HDF5's error stack, the operating system's where there is one ("No space left on device").
std::string last_reason();

// `result` where it is not negative; else throws Error(code): the pieces, then HDF5's reason in brackets.
template <class Result, class... Pieces>
Result check(Result result, ExitCode code, const Pieces&... pieces) {
    if (result < 0) throw Error(code, cat(pieces..., " (", last_reason(), ")"));
    return result;
}

}  // namespace orograph::h5
