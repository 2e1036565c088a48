#include "lease_watch.hpp"

#include <gtest/gtest.h>

using namespace orograph::survey;
using std::chrono::seconds;

TEST(LeaseWatch, NamesTheGroupThatHasFinishedNothingForLongestAndItsPoint) {
    LeaseWatch watch(3);
    const LeaseWatch::Clock::time_point start{};
    EXPECT_FALSE(watch.longest(start));
    watch.granted(2, {10, 14}, start);
    watch.granted(0, {20, 22}, start + seconds(1));
    ASSERT_TRUE(watch.longest(start + seconds(3)));
    EXPECT_EQ(watch.longest(start + seconds(3))->group, 2);
    EXPECT_EQ(watch.longest(start + seconds(3))->point, PointIndex{10});
    EXPECT_EQ(watch.longest(start + seconds(3))->s, 3);

    watch.finished(2, 3, start + seconds(4));
    EXPECT_EQ(watch.longest(start + seconds(5))->group, 0);
    EXPECT_EQ(watch.longest(start + seconds(5))->s, 4);
    watch.finished(0, 1, start + seconds(6));
    EXPECT_EQ(watch.longest(start + seconds(7))->group, 2);
    EXPECT_EQ(watch.longest(start + seconds(7))->point, PointIndex{13});

    // Leases that were asked for ahead wait behind the first, and a report may end in the middle of the next.
    watch.granted(2, {40, 45}, start + seconds(7));
    watch.finished(2, 3, start + seconds(9));
    EXPECT_EQ(watch.longest(start + seconds(9))->group, 0);
    EXPECT_EQ(watch.longest(start + seconds(9))->point, PointIndex{21});
    watch.finished(0, 1, start + seconds(9));
    EXPECT_EQ(watch.longest(start + seconds(10))->group, 2);
    EXPECT_EQ(watch.longest(start + seconds(10))->point, PointIndex{42});
    EXPECT_EQ(watch.longest(start + seconds(10))->s, 1);
    watch.finished(2, 3, start + seconds(11));
    EXPECT_FALSE(watch.longest(start + seconds(12)));

    // Time without anything in hand does not count.
    watch.granted(1, {50, 51}, start + seconds(100));
    EXPECT_EQ(watch.longest(start + seconds(101))->s, 1);
}

TEST(LeaseWatch, ForgivesTimeInWhichNobodyCouldBeWatched) {
    LeaseWatch watch(2);
    const LeaseWatch::Clock::time_point start{};
    watch.granted(0, {0, 5}, start);
    watch.forgive(seconds(100), start + seconds(103));
    EXPECT_EQ(watch.longest(start + seconds(103))->s, 3);
    watch.granted(1, {5, 6}, start + seconds(103));
    watch.finished(0, 5, start + seconds(103));
    watch.forgive(seconds(100), start + seconds(150));  // more than it waits
    EXPECT_EQ(watch.longest(start + seconds(151))->s, 1);
}
