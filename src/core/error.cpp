#include "orograph/core/error.hpp"

namespace orograph::detail {

// Throws Error(internal) that names the broken contract and its place.
void contract_failed(const char* kind, const char* condition, const char* file, int line) {
    throw Error(ExitCode::internal, cat(kind, " does not hold: ", condition, " (", file, ":", line, "); please report this defect"));
}

}  // namespace orograph::detail
