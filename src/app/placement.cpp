#include "placement.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/host.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace orograph::app {

namespace {

std::vector<std::vector<int>> all_gather(const par::Communicator& comm, std::span<const int> own) {
    std::vector<std::vector<int>> result;
    for (const auto& bytes : par::all_gather(comm, {reinterpret_cast<const char*>(own.data()), own.size_bytes()})) {
        auto& values = result.emplace_back(bytes.size() / sizeof(int));
        std::memcpy(values.data(), bytes.data(), bytes.size());
    }
    return result;
}

// Slurm counts what the job got on this host; without it the control group says what is there.
int room_for_job(std::size_t own, std::size_t in_reach) {
    const int granted = std::min(par::cores_granted(), online_cores());
    return granted > 0 ? std::max(granted, static_cast<int>(own)) : static_cast<int>(in_reach);
}

// What the ranks of one host do with its cores.
struct HostUse {
    int ranks = 0;
    std::map<int, int> users;  // by how many ranks each core may be used
    std::set<int> occupied;
};

std::map<int, HostUse> hosts_of(std::span<const RankCores> ranks) {
    std::map<int, HostUse> hosts;
    for (const auto& rank : ranks) {
        auto& host = hosts[rank.node];
        ++host.ranks;
        for (const int core : rank.cores) ++host.users[core];
        host.occupied.insert(rank.occupied.begin(), rank.occupied.end());
    }
    return hosts;
}

// As a real number: three ranks on two cores have 2/3 each.
double exact_share(const HostUse& host, const RankCores& rank) {
    double share = 0;
    for (const int core : rank.cores) share += 1.0 / host.users.at(core);
    constexpr double rounding = 1e-9;
    return share + rounding;
}

std::string cores_text(int count) {
    return cat(count, count == 1 ? " core" : " cores");
}

// "0-3,7" of a host, with "rank" or "ranks".
std::string ranks_text(std::span<const int> ranks) {
    return cat(ranks.size() == 1 ? "rank " : "ranks ", core_list(ranks));
}

std::vector<int> ranks_with_cores_of(std::span<const RankCores> ranks, const RankCores& example) {
    std::vector<int> result;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank)
        if (ranks[rank].node == example.node && ranks[rank].cores == example.cores) result.push_back(static_cast<int>(rank));
    return result;
}

// "ranks 0-1 on vm share core 0"
std::string holding(std::span<const RankCores> ranks, const RankCores& example) {
    const auto holders = ranks_with_cores_of(ranks, example);
    return cat(ranks_text(holders), " on ", example.host, holders.size() > 1 ? " share " : " has ",
               example.cores.size() == 1 ? "core " : "cores ", core_list(example.cores));
}

}  // namespace

std::vector<RankCores> gather_cores(const par::Communicator& world, const par::Communicator& node) {
    const auto own = own_cores(), occupied = with_siblings(own);
    const auto core = with_siblings(std::span(own).first(1));
    const int facts[] = {static_cast<int>(par::all_min(node, world.rank())), room_for_job(own.size(), cores_in_reach().size()),
                         std::ranges::includes(core, own)};
    const auto hosts = par::all_gather(world, host_name());
    const auto all_own = all_gather(world, own), all_occupied = all_gather(world, occupied), all_facts = all_gather(world, facts);
    std::vector<RankCores> ranks;
    for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
        const auto& known = all_facts[rank];
        ranks.push_back({hosts[rank], known[0], known[1], known[2] != 0, all_own[rank], all_occupied[rank]});
    }
    return ranks;
}

int share_of(std::span<const RankCores> ranks, std::size_t rank) {
    return std::max(1, static_cast<int>(exact_share(hosts_of(ranks).at(ranks[rank].node), ranks[rank])));
}

int even_share(std::span<const RankCores> ranks) {
    return std::max(1, ranks[0].room / hosts_of(ranks).at(ranks[0].node).ranks);
}

std::string placement_warning(std::span<const RankCores> ranks, int asked, const par::Binding& bound) {
    const auto hosts = hosts_of(ranks);
    for (const auto& rank : ranks) {
        const auto& host = hosts.at(rank.node);
        const int idle = std::max(0, rank.room - static_cast<int>(host.occupied.size()));
        const double share = exact_share(host, rank);
        const auto who = cat(asked > 0 ? cat("run.threads is ", asked, ", but ") : "", holding(ranks, rank));
        if (idle == 0) {
            if (asked <= std::max(1.0, share)) continue;
            return cat(who, ", and no other core is left; set run.threads: 0, or start fewer ranks a host");
        }
        const bool alone_on_one = asked == 0 && rank.one_core && !bound.by.empty();
        if (share >= std::max(1, asked) && !alone_on_one) continue;
        return cat(who, " while ", cores_text(idle), idle == 1 ? " idles" : " idle", ", bound by ",
                   bound.by.empty() ? "taskset, numactl or the like; start the program without it" : cat(bound.by, "; ", bound.cure));
    }
    return "";
}

std::vector<std::string> describe(std::span<const RankCores> ranks) {
    constexpr std::size_t most_lines = 16;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        const auto holders = ranks_with_cores_of(ranks, ranks[i]);
        if (holders.front() != static_cast<int>(i)) continue;
        if (lines.size() == most_lines) {
            lines.push_back(cat("and so on, to rank ", ranks.size() - 1));
            break;
        }
        lines.push_back(cat(holding(ranks, ranks[i]), " of ", ranks[i].room));
    }
    return lines;
}

}  // namespace orograph::app
