#include "placement.hpp"

#include "orograph/core/cores.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace orograph::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const par::Binding mpirun{"mpirun's default", "start mpirun with --bind-to none"};

// A rank of the host of rank `node` with `room` cores and no hardware threads beside them.
RankCores rank_with(const std::string& cores, int room, int node = 0) {
    const auto own = parse_core_list(cores);
    return {node == 0 ? "first" : "second", node, room, own.size() == 1, own, own};
}

std::vector<RankCores> ranks(const std::vector<std::string>& cores, int room) {
    std::vector<RankCores> result;
    for (const auto& own : cores) result.push_back(rank_with(own, room));
    return result;
}

TEST(Share, DividesCoresAmongThoseWhoMayUseThem) {
    struct Case {
        std::vector<std::string> cores;
        std::vector<int> shares;
    };
    const Case cases[] = {
        {{"0-3"}, {4}},
        {{"0-3", "0-3"}, {2, 2}},
        {{"0-1", "2-3"}, {2, 2}},
        {{"0", "0", "0"}, {1, 1, 1}},
        {{"0-5", "0-5", "0-5", "0-5", "0-5", "0-5"}, {1, 1, 1, 1, 1, 1}},
        {{"0-3", "0"}, {3, 1}},
    };
    for (const auto& [cores, shares] : cases) {
        const auto all = ranks(cores, 8);
        for (std::size_t rank = 0; rank < all.size(); ++rank) EXPECT_EQ(share_of(all, rank), shares[rank]) << cores[0] << " " << rank;
    }
}

TEST(Share, IsThatOfTheHost) {
    const std::vector<RankCores> all{rank_with("0-3", 4, 0), rank_with("0-3", 4, 1), rank_with("0-3", 4, 1)};
    EXPECT_EQ(share_of(all, 0), 4);
    EXPECT_EQ(share_of(all, 1), 2);
    EXPECT_EQ(even_share(all), 4);
}

TEST(PlacementWarning, KeepsSilentWhereNoCoreIdlesForABinding) {
    for (const auto& sane : {ranks({"0-1"}, 2), ranks({"0", "1"}, 2), ranks({"0-1", "0-1"}, 2), ranks({"0-1", "0-1", "0-1"}, 2),
                             ranks({"0-3"}, 16), ranks({"0-3", "4-7"}, 16), ranks({"0"}, 1), ranks({"0", "0"}, 1)})
        EXPECT_EQ(placement_warning(sane, 0, mpirun), "") << describe(sane)[0];
    EXPECT_EQ(placement_warning(ranks({"0"}, 2), 0, {}), "") << "taskset -c 0 is what its user wants";
    EXPECT_EQ(placement_warning(ranks({"0-1", "0-1", "0-1"}, 2), 1, mpirun), "") << "fewer threads cannot be asked for";
    EXPECT_EQ(placement_warning(ranks({"0"}, 2), 1, mpirun), "") << "one thread needs one core";
    auto hyperthread = ranks({"0"}, 2);
    hyperthread[0].occupied = {0, 1};
    EXPECT_EQ(placement_warning(hyperthread, 0, mpirun), "") << "its core has two hardware threads";
}

TEST(PlacementWarning, NamesWhoHasWhatWhyAndTheCure) {
    EXPECT_EQ(placement_warning(ranks({"0"}, 2), 0, mpirun),
              "rank 0 on first has core 0 while 1 core idles, bound by mpirun's default; start mpirun with --bind-to none");
    EXPECT_EQ(placement_warning(ranks({"0", "1"}, 16), 0, mpirun),
              "rank 0 on first has core 0 while 14 cores idle, bound by mpirun's default; start mpirun with --bind-to none");
    EXPECT_EQ(placement_warning(ranks({"3", "3", "3"}, 4), 0, {}),
              "ranks 0-2 on first share core 3 while 3 cores idle, bound by taskset, numactl or the like; start the program without it");
    EXPECT_EQ(placement_warning(ranks({"0-1", "0-1"}, 4), 2, mpirun),
              "run.threads is 2, but ranks 0-1 on first share cores 0-1 while 2 cores idle, bound by mpirun's default; start mpirun with "
              "--bind-to none");
    EXPECT_EQ(
        placement_warning(ranks({"0-1"}, 2), 3, mpirun),
        "run.threads is 3, but rank 0 on first has cores 0-1, and no other core is left; set run.threads: 0, or start fewer ranks a host");
    const std::vector<RankCores> second{rank_with("0-3", 4, 0), rank_with("0", 4, 1), rank_with("0", 4, 1)};
    EXPECT_THAT(placement_warning(second, 0, mpirun), HasSubstr("ranks 1-2 on second share core 0 while 3 cores idle"));
}

TEST(Describe, HasALineForEachSetOfCores) {
    EXPECT_THAT(describe(ranks({"0-3"}, 4)), ElementsAre("rank 0 on first has cores 0-3 of 4"));
    EXPECT_THAT(describe(ranks({"0", "1", "0"}, 2)),
                ElementsAre("ranks 0,2 on first share core 0 of 2", "rank 1 on first has core 1 of 2"));
    std::vector<std::string> cores;
    for (int rank = 0; rank < 64; ++rank) cores.push_back(std::to_string(rank));
    const auto lines = describe(ranks(cores, 64));
    EXPECT_EQ(lines.size(), 17U);
    EXPECT_EQ(lines.back(), "and so on, to rank 63");
}

TEST(GatherCores, FindsThoseOfThisProcess) {
    const auto all = gather_cores({}, {});
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].cores, own_cores());
    EXPECT_GE(all[0].room, static_cast<int>(all[0].cores.size()));
    EXPECT_EQ(share_of(all, 0), static_cast<int>(own_cores().size()));
}

}  // namespace
}  // namespace orograph::app
