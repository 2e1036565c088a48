#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace orograph {

// The text of errno, for a message.
inline std::string errno_text() {
    return std::generic_category().message(errno);
}

// Owner of a file descriptor.
class Descriptor {
public:
    // open(2) with close-on-exec; get() is -1 and errno set where it fails.
    Descriptor(const std::filesystem::path& path, int flags, int mode = 0666) : value_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&&) = delete;

    int get() const { return value_; }
    bool is_open() const { return value_ >= 0; }
    int release() { return std::exchange(value_, -1); }

private:
    int value_;
};

}  // namespace orograph
