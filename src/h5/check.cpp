#include "check.hpp"

#include <hdf5.h>

#include <string_view>

namespace orograph::h5 {

namespace {

// Keeps the first (innermost) description; one that carries the system's own words replaces it.
herr_t collect_reason(unsigned, const H5E_error2_t* entry, void* out) {
    constexpr std::string_view mark = "error message = '";
    auto& reason = *static_cast<std::string*>(out);
    const std::string_view description = entry->desc ? entry->desc : "";
    const auto start = description.find(mark);
    if (start != std::string_view::npos) {
        const auto words = description.substr(start + mark.size());
        reason = words.substr(0, words.find('\''));
        return 1;
    }
    if (reason.empty()) reason = description;
    return 0;
}

}  // namespace

void start_library() {
    static const bool started = [] {
        H5dont_atexit();
        H5open();
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        return true;
    }();
    static_cast<void>(started);
}

std::string last_reason() {
    std::string reason;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect_reason, &reason);
    return reason.empty() ? "HDF5 gives no reason" : reason;
}

}  // namespace orograph::h5
