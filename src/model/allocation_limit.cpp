#include "allocation_limit.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>

#include <memory>

namespace orograph::model {
namespace {

// LibTorch reports every allocation to it, memory in hand but not yet used.
class Reports final : public c10::MemoryReportingInfoBase {
public:
    explicit Reports(std::int64_t most_bytes) : most_bytes_(most_bytes) {}

    void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
        TORCH_CHECK_WITH(OutOfMemoryError, bytes <= most_bytes_, "it needs ", bytes, " bytes at once, more than ", most_bytes_);
    }

    bool memoryProfilingEnabled() const override { return true; }

private:
    const std::int64_t most_bytes_;
};

}  // namespace

AllocationLimit::AllocationLimit(std::int64_t most_bytes)
    : guard_(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<Reports>(most_bytes)) {}

}  // namespace orograph::model
