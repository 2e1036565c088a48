#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace orograph::survey {

// Points [first, last).
struct PointRange {
    std::int64_t first = 0, last = 0;
    std::int64_t size() const { return last - first; }
};

// Which points are still to be leased, and how many a lease has: remaining / (2 x groups), at least 1, at most max_lease.
class LeaseBook {
public:
    LeaseBook(std::vector<PointRange> pending, int groups, std::int64_t max_lease = 1 << 16);
    std::optional<PointRange> next();
    std::int64_t remaining() const { return remaining_; }

private:
    std::vector<PointRange> pending_;  // last one is handed out first from its front
    std::int64_t remaining_ = 0;
    int groups_;
    std::int64_t max_lease_;
};

}  // namespace orograph::survey
