#pragma once

#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>

namespace orograph::model {

// While it lives, this thread's tensors on the CPU that need more than a number of bytes are refused: c10::OutOfMemoryError before the
// memory is touched. For operators of an untrusted file.
class AllocationLimit {
public:
    explicit AllocationLimit(std::int64_t most_bytes);

private:
    c10::DebugInfoGuard guard_;
};

}  // namespace orograph::model
