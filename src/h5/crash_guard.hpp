#pragma once

#include <filesystem>
#include <string>

namespace orograph::h5 {

// While it lives, a crash of the process is the fault of `path`: HDF5 1.10 does not survive every damaged file (docs/fuzzing.md). One line
// that says so, and the exit code of malformed input, instead of a signal. Not in builds with a sanitizer, which say more.
class CrashGuard {
public:
    explicit CrashGuard(const std::filesystem::path& path);
    ~CrashGuard();
    CrashGuard(const CrashGuard&) = delete;
    CrashGuard& operator=(const CrashGuard&) = delete;

    const std::string& line() const { return line_; }

private:
    std::string line_;  // made now: a signal handler may not
};

}  // namespace orograph::h5
