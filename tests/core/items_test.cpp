#include "orograph/core/items.hpp"

#include <gtest/gtest.h>

namespace orograph {
namespace {

bool is_weights(const std::string& item) {
    return item == "weights";
}

TEST(FindDifference, EqualItemsHaveNone) {
    const Items items{{"data", "12ab"}, {"weights", "34cd"}};
    EXPECT_FALSE(find_difference(items, items, is_weights));
    EXPECT_FALSE(find_difference({}, {}, is_weights));
}

TEST(FindDifference, NamesTheFirstAndBothValues) {
    const auto found = find_difference({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"b", "4"}, {"c", "5"}}, is_weights);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->item, "b");
    EXPECT_EQ(found->theirs, "2");
    EXPECT_EQ(found->ours, "4");
}

TEST(FindDifference, ImportantItemsComeFirst) {
    const auto found = find_difference({{"a", "1"}, {"weights", "2"}}, {{"a", "3"}, {"weights", "4"}}, is_weights);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->item, "weights");
}

TEST(FindDifference, AnItemThatOneLacksIsNoneThere) {
    const Items more{{"a", "1"}, {"b", "2"}}, fewer{{"a", "1"}};
    const auto theirs = find_difference(more, fewer, is_weights), ours = find_difference(fewer, more, is_weights);
    ASSERT_TRUE(theirs && ours);
    EXPECT_EQ(theirs->item, "b");
    EXPECT_EQ(theirs->ours, "none");
    EXPECT_EQ(ours->theirs, "none");
    EXPECT_EQ(ours->ours, "2");
}

}  // namespace
}  // namespace orograph
