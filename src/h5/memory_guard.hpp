#pragma once

#include <cstdint>

namespace orograph::h5 {

// While it lives, the process gets no more than so many bytes of memory on top of what it has: HDF5 1.10 asks for whatever a damaged file
// claims, 20 GB for 5 kB, and fills them (docs/fuzzing.md). Of several the most generous counts. Without effect where the system does not
// say how much the process has.
class MemoryGuard {
public:
    explicit MemoryGuard(std::uint64_t bytes);
    ~MemoryGuard();
    MemoryGuard(const MemoryGuard&) = delete;
    MemoryGuard& operator=(const MemoryGuard&) = delete;

    static bool is_up();
};

}  // namespace orograph::h5
