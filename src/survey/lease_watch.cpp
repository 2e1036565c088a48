#include "lease_watch.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::survey {

void LeaseWatch::granted(int group, PointRange points, Clock::time_point now) {
    auto& hand = hands_.at(static_cast<std::size_t>(group));
    if (hand.points.empty()) hand.since = now;
    hand.points.push_back(points);
}

void LeaseWatch::finished(int group, std::int64_t points, Clock::time_point now) {
    auto& hand = hands_.at(static_cast<std::size_t>(group));
    hand.since = now;
    while (points > 0) {
        OROGRAPH_EXPECT(!hand.points.empty());
        auto& range = hand.points.front();
        const auto count = std::min(points, range.size());
        range.first += count;
        points -= count;
        if (range.size() == 0) hand.points.pop_front();
    }
}

void LeaseWatch::forgive(Clock::duration gap, Clock::time_point now) {
    for (auto& hand : hands_) hand.since = std::min(hand.since + gap, now);
}

std::optional<LeaseWatch::Waiting> LeaseWatch::longest(Clock::time_point now) const {
    std::optional<Waiting> result;
    for (std::size_t group = 0; group < hands_.size(); ++group) {
        const auto& hand = hands_[group];
        if (hand.points.empty()) continue;
        const double s = std::chrono::duration<double>(now - hand.since).count();
        if (!result || s > result->s) result = {static_cast<int>(group), PointIndex{hand.points.front().first}, s};
    }
    return result;
}

}  // namespace orograph::survey
