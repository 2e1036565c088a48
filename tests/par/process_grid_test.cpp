#include "orograph/par/process_grid.hpp"

#include "orograph/core/error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace orograph::par {
namespace {

// Expects the same Error(config) on every rank of world.
void expect_refusal(int shards, MasterRole role) {
    const auto world = Communicator::world();
    std::string message;
    try {
        make_process_grid(world, shards, role);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::config);
        message = error.what();
    }
    EXPECT_NE(message, "");
    for (const auto& other : all_gather(world, message)) EXPECT_EQ(other, message);
}

// All ranks' (group, shard) pairs are the whole of groups x shards, once each, and rank_of finds each.
void expect_complete(const ProcessGrid& grid) {
    const auto own = cat(grid.group, ',', grid.shard);
    const auto places = all_gather(grid.world, own);
    std::set<std::string> seen;
    for (int group = 0; group < grid.groups; ++group) {
        for (int shard = 0; shard < grid.shards; ++shard) {
            EXPECT_EQ(places.at(grid.rank_of(group, shard)), cat(group, ',', shard));
            seen.insert(cat(group, ',', shard));
        }
    }
    EXPECT_EQ(static_cast<int>(seen.size()), grid.groups * grid.shards);
    EXPECT_EQ(all_sum(grid.world, grid.works()), grid.groups * grid.shards);
    EXPECT_EQ(all_sum(grid.world, grid.is_leader()), grid.groups);
    EXPECT_EQ(all_sum(grid.world, grid.is_master()), 1);
}

TEST(ProcessGrid, OneShardMakesAGroupOfEachRank) {
    const auto world = Communicator::world();
    const auto grid = make_process_grid(world, 1, MasterRole::also_works);
    EXPECT_EQ(grid.groups, world.size());
    EXPECT_EQ(grid.group, world.rank());
    EXPECT_TRUE(grid.is_leader());
    expect_complete(grid);
}

TEST(ProcessGrid, TwoShardsPairNeighbours) {
    const auto world = Communicator::world();
    if (world.size() % 2 != 0) {
        expect_refusal(2, MasterRole::also_works);
        return;
    }
    const auto grid = make_process_grid(world, 2, MasterRole::also_works);
    EXPECT_EQ(grid.groups, world.size() / 2);
    EXPECT_EQ(grid.group, world.rank() / 2);
    EXPECT_EQ(grid.shard, world.rank() % 2);
    EXPECT_EQ(grid.is_leader(), world.rank() % 2 == 0);
    expect_complete(grid);
}

TEST(ProcessGrid, AsManyShardsAsRanks) {
    const auto world = Communicator::world();
    const auto grid = make_process_grid(world, world.size(), MasterRole::also_works);
    EXPECT_EQ(grid.groups, 1);
    EXPECT_EQ(grid.shard, world.rank());
    expect_complete(grid);
}

TEST(ProcessGrid, AMasterThatOnlyLeasesIsInNoGroup) {
    const auto world = Communicator::world();
    if (world.size() == 1) {
        expect_refusal(1, MasterRole::only_leases);
        return;
    }
    const auto grid = make_process_grid(world, 1, MasterRole::only_leases);
    EXPECT_EQ(grid.groups, world.size() - 1);
    EXPECT_EQ(grid.first_worker, 1);
    EXPECT_EQ(grid.group, world.rank() - 1);
    EXPECT_EQ(grid.works(), world.rank() > 0);
    EXPECT_EQ(grid.is_master(), world.rank() == 0);
    expect_complete(grid);
}

TEST(ProcessGrid, RefusesShardsThatDoNotFit) {
    const int size = Communicator::world().size();
    expect_refusal(0, MasterRole::also_works);
    expect_refusal(-1, MasterRole::also_works);
    expect_refusal(size + 1, MasterRole::also_works);
    expect_refusal(size, MasterRole::only_leases);
}

TEST(ProcessGrid, SerialIsOneGroupOfOne) {
    const auto grid = make_process_grid(Communicator(), 1, MasterRole::also_works);
    EXPECT_EQ(grid.groups, 1);
    EXPECT_TRUE(grid.is_leader());
    EXPECT_TRUE(grid.is_master());
    EXPECT_EQ(grid.rank_of(0, 0), 0);
    EXPECT_THROW(make_process_grid(Communicator(), 2, MasterRole::also_works), Error);
}

}  // namespace
}  // namespace orograph::par
