#include "orograph/survey/lease.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

using namespace orograph::survey;

namespace {

std::vector<PointRange> ranges_of(const std::vector<bool>& pending) {
    std::vector<PointRange> ranges;
    for (std::size_t i = 0; i < pending.size(); ++i) {
        if (!pending[i]) continue;
        const auto point = static_cast<std::int64_t>(i);
        if (ranges.empty() || ranges.back().last != point) ranges.push_back({point, point});
        ++ranges.back().last;
    }
    return ranges;
}

TEST(LeaseBook, LeasesEveryPendingPointExactlyOnceAndNoOther) {
    std::mt19937 random(1);
    std::int64_t points_leased = 0, points_pending = 0;
    for (int trial = 0; trial < 2000; ++trial) {
        std::vector<bool> pending(random() % 400);
        const unsigned density = random() % 101;
        for (std::size_t i = 0; i < pending.size(); ++i) pending[i] = random() % 100 < density;
        LeaseBook book(ranges_of(pending), 1 + random() % 9, 1 + random() % 50);
        std::vector<bool> leased(pending.size());
        auto remaining = std::ranges::count(pending, true);
        points_pending += remaining;
        while (const auto lease = book.next()) {
            ASSERT_GE(lease->size(), 1);
            for (auto point = lease->first; point < lease->last; ++point, ++points_leased) {
                ASSERT_FALSE(leased.at(point));
                leased[point] = true;
            }
            remaining -= lease->size();
            ASSERT_EQ(book.remaining(), remaining);
        }
        ASSERT_EQ(leased, pending);
    }
    EXPECT_EQ(points_leased, points_pending);
    EXPECT_GT(points_leased, 100000);
}

TEST(LeaseBook, LeasesShrinkAsGuidedSelfSchedulingSays) {
    LeaseBook book({{0, 2501}}, 4, 1 << 16);
    std::int64_t next = 0, last_size = std::numeric_limits<std::int64_t>::max(), leases = 0;
    while (const auto lease = book.next()) {
        EXPECT_EQ(lease->first, next);
        EXPECT_EQ(lease->size(), std::max<std::int64_t>(1, (2501 - next) / 16));
        EXPECT_LE(lease->size(), last_size);
        next = lease->last;
        last_size = lease->size();
        ++leases;
    }
    EXPECT_EQ(next, 2501);
    EXPECT_EQ(last_size, 1);
    EXPECT_GT(leases, 30);
}

TEST(LeaseBook, NoLeaseIsLongerThanAllowed) {
    LeaseBook book({{0, 1000}, {5000, 5001}}, 1, 32);
    EXPECT_EQ(book.next()->size(), 32);
    std::int64_t total = 32;
    while (const auto lease = book.next()) {
        EXPECT_LE(lease->size(), 32);
        total += lease->size();
    }
    EXPECT_EQ(total, 1001);
}

TEST(LeaseBook, NothingPendingMeansNoLease) {
    EXPECT_FALSE(LeaseBook({}, 3, 32).next());
    EXPECT_FALSE(LeaseBook({{7, 7}}, 3, 32).next());
}

// Groups of unlike speed, each with at most one request open, as leaders ask.
TEST(LeaseDesk, GivesEveryPointOnceAndTheLastOnesToIdleGroups) {
    std::mt19937 random(2);
    std::int64_t checked = 0;
    for (int trial = 0; trial < 300; ++trial) {
        const int groups = 1 + random() % 7;
        const auto points = static_cast<std::int64_t>(random() % 300);
        LeaseDesk desk(LeaseBook({{0, points}}, groups, longest_lease), groups);
        std::vector<std::int64_t> in_hand(groups, 0);
        std::vector<bool> asked(groups, false);
        std::int64_t leased = 0;
        const auto take = [&](const std::vector<LeaseDesk::Grant>& grants) {
            for (const auto& [group, range] : grants) {
                ASSERT_TRUE(asked.at(group));
                ASSERT_EQ(range.first, leased);
                ASSERT_TRUE(in_hand[group] == 0 || points - leased > 2 * groups);
                asked[group] = false;
                in_hand[group] += range.size();
                leased = range.last;
                ++checked;
            }
        };
        while (desk.unreported() > 0) {
            const int group = random() % groups;
            if (!asked[group] && in_hand[group] <= 1) {
                asked[group] = true;
                take(desk.ask(group));
            } else if (in_hand[group] > 0) {
                --in_hand[group];
                take(desk.report(group, 1));
            }
        }
        ASSERT_EQ(leased, points);
    }
    EXPECT_GT(checked, 3000);
}

}  // namespace
