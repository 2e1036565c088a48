#pragma once

#include "orograph/survey/grid.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace orograph::survey {

// Points are reported one by one anyway, so short leases cost nothing; a long one in the hands of a slow group would decide the finish.
inline constexpr std::int64_t longest_lease = 32;

// Which points are still to be leased, and how many a lease has: remaining / (4 x groups), at least 1, at most max_lease.
class LeaseBook {
public:
    LeaseBook(std::vector<PointRange> pending, int groups, std::int64_t max_lease);
    std::optional<PointRange> next();
    std::int64_t remaining() const { return remaining_; }

private:
    std::vector<PointRange> pending_;  // last one is handed out first from its front
    std::int64_t remaining_ = 0;
    int groups_;
    std::int64_t max_lease_;
};

// Who gets a lease, and when. Groups ask ahead; but the last points, two a group, go to groups that have nothing else to do, so that none
// waits behind another in a busy group. Both numbers are the best of those simulated (docs/scaling.md). A group has one request open at a time.
class LeaseDesk {
public:
    struct Grant {
        int group = 0;
        PointRange points;
    };

    LeaseDesk(LeaseBook book, int groups);

    // The leases to hand out now that `group` has asked for one ...
    std::vector<Grant> ask(int group);
    // ... or that it has finished `points` of its points. None once all points are reported.
    std::vector<Grant> report(int group, std::int64_t points);

    // Points that are not finished yet, leased or not.
    std::int64_t unreported() const { return unreported_; }

private:
    std::vector<Grant> grant();

    LeaseBook book_;
    std::int64_t unreported_;
    std::vector<std::int64_t> in_hand_;  // by group: points leased and not reported
    std::vector<int> waiting_;           // groups that asked and have no answer yet
};

}  // namespace orograph::survey
