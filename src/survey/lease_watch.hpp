#pragma once

#include "orograph/survey/grid.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace orograph::survey {

// Which points each group has in hand, and since when it has finished none of them. A group finishes its points in the order in which it
// was given them, so the first of them is the one that it computes.
class LeaseWatch {
public:
    using Clock = std::chrono::steady_clock;

    explicit LeaseWatch(int groups) : hands_(static_cast<std::size_t>(groups)) {}

    void granted(int group, PointRange points, Clock::time_point now);
    void finished(int group, std::int64_t points, Clock::time_point now);

    // For that long nobody could be watched: it does not count.
    void forgive(Clock::duration gap, Clock::time_point now);

    struct Waiting {
        int group = 0;
        PointIndex point{};
        double s = 0;
    };
    // The group that has finished nothing for longest of those that have something in hand.
    std::optional<Waiting> longest(Clock::time_point now) const;

private:
    struct Hand {
        std::deque<PointRange> points;
        Clock::time_point since;
    };
    std::vector<Hand> hands_;  // by group
};

}  // namespace orograph::survey
