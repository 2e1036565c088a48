#pragma once

#include "orograph/par/communicator.hpp"

namespace orograph::par {

enum class MasterRole { also_works, only_leases };

// The ranks as groups x shards. A group computes one point at a time; each of its `shards` members holds 1/shards of the batches and
// its first member is its leader. With 4 ranks and shards = 2:
//
//     rank   0  1  2  3
//     group  0  0  1  1
//     shard  0  1  0  1      leaders: 0 and 2; rank 0 is the master too
//
// With MasterRole::only_leases rank 0 belongs to no group (group = -1).
struct ProcessGrid {
    Communicator world;
    int shards = 1;
    int groups = 1;
    int group = 0;         // -1: no group
    int shard = 0;
    int first_worker = 0;  // world rank of group 0's leader

    bool works() const { return group >= 0; }
    bool is_leader() const { return works() && shard == 0; }
    bool is_master() const { return world.rank() == 0; }
    int group_of(int rank) const { return (rank - first_worker) / shards; }
    int rank_of(int group_index, int shard_index) const { return first_worker + group_index * shards + shard_index; }
};

// Collective over world in that all ranks get the same verdict. Error(config) where the working ranks are not a multiple of shards.
ProcessGrid make_process_grid(const Communicator& world, int shards, MasterRole role);

}  // namespace orograph::par
