#pragma once

#include "memory_guard.hpp"

#include "orograph/core/error.hpp"

#include <string>

namespace orograph::h5 {

// Initialises HDF5 without its error printing, and without its exit handler: that one would close files left open by an error, which is
// collective. Idempotent; call before the first use of the library, after MPI is up.
void start_library();

// The innermost reason on HDF5's error stack, the operating system's where there is one ("No space left on device").
std::string last_reason();

// Whether HDF5 ran out of memory, by its reason.
inline bool is_lack_of_memory(const std::string& reason) {
    return reason.starts_with("unable to allocate memory") || reason.starts_with("memory allocation failed");
}

// `result` where it is not negative; else throws Error(code): the pieces, then HDF5's reason in brackets. Error(unavailable) for lack of
// memory, but not where an input that is being read claims too much.
template <class Result, class... Pieces>
Result check(Result result, ExitCode code, const Pieces&... pieces) {
    if (result >= 0) return result;
    const std::string reason = last_reason();
    if (is_lack_of_memory(reason) && code == ExitCode::data && MemoryGuard::is_up())
        throw Error(code, cat(pieces..., " (", reason, "); the file is damaged, or there is too little memory to read it"));
    if (is_lack_of_memory(reason))
        throw Error(ExitCode::unavailable, cat("out of memory: ", pieces..., " (", reason, "); use a smaller grid"));
    throw Error(code, cat(pieces..., " (", reason, ")"));
}

}  // namespace orograph::h5
