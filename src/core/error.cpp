#include "orograph/core/error.hpp"

#include <new>

namespace orograph {

std::optional<Error> error_from(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    } catch (const std::bad_alloc&) {
        return Error(ExitCode::unavailable, "out of memory; use fewer ranks a node, or data.limit");
    } catch (const std::exception& error) {
        return Error(ExitCode::internal, error.what());
    }
    return std::nullopt;
}

// Throws Error(internal) that names the broken contract and its place.
void detail::contract_failed(const char* kind, const char* condition, const char* file, int line) {
    throw Error(ExitCode::internal, cat(kind, " does not hold: ", condition, " (", file, ":", line, "); please report this defect"));
}

}  // namespace orograph
