#include "instruction_set.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/core/host.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <algorithm>

namespace orograph::app {

namespace {

// The widest set that can be asked for and that every CPU has; empty where there is none.
std::string widest_common_set(std::span<const RankCpu> cpus) {
    for (const std::string set : {"avx512", "avx2"}) {
        if (std::ranges::all_of(cpus, [&](const RankCpu& cpu) { return evaluate::has_instruction_set(cpu.instruction_set, set); }))
            return set;
    }
    return "";
}

std::string remedy(std::span<const RankCpu> cpus) {
    const auto common = widest_common_set(cpus);
    return common.empty() ? "run on equal machines"
                          : cat("set evaluate.instruction_set: ", common, ", which all ranks have, or run on equal machines");
}

// Narrower sets are rounded alike by every CPU that has them only where the libraries can be held to them.
bool can_compute(const RankCpu& cpu, const std::string& wanted) {
    const bool can_be_asked_for = wanted == "avx2" || wanted == "avx512";
    return can_be_asked_for ? evaluate::has_instruction_set(cpu.instruction_set, wanted) : cpu.instruction_set == wanted;
}

}  // namespace

std::vector<RankCpu> gather_cpus(const par::Communicator& world) {
    const auto hosts = par::all_gather(world, host_name()), sets = par::all_gather(world, instruction_set());
    std::vector<RankCpu> cpus;
    for (std::size_t rank = 0; rank < hosts.size(); ++rank) cpus.push_back({hosts[rank], sets[rank]});
    return cpus;
}

std::string choose_instruction_set(const std::string& asked, std::span<const RankCpu> cpus, std::size_t rank) {
    const bool automatic = asked == "auto";
    const std::string& wanted = automatic ? cpus[0].instruction_set : asked;
    for (std::size_t i = 0; i < cpus.size(); ++i) {
        OROGRAPH_VALIDATE(can_compute(cpus[i], wanted), ExitCode::unavailable, "the CPU of rank ", i, " on ", cpus[i].host, " has ",
                          cpus[i].instruction_set, ", but ",
                          automatic ? cat("that of rank 0 on ", cpus[0].host, " has ", wanted, ", and the digits of one file must not mix")
                                    : cat("evaluate.instruction_set is ", wanted),
                          "; ", remedy(cpus));
    }
    return automatic && cpus[rank].instruction_set == wanted ? "" : wanted;
}

void require_equal_evaluators(const par::Communicator& world, const std::string& identity) {
    const auto all = par::all_gather(world, identity), hosts = par::all_gather(world, host_name());
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        OROGRAPH_VALIDATE(all[rank] == all[0], ExitCode::config, "rank ", rank, " on ", hosts[rank], " evaluates with '", all[rank],
                          "' but rank 0 on ", hosts[0], " with '", all[0],
                          "'; run on equal machines with one configuration, so that every point of the file has the same digits");
    }
}

}  // namespace orograph::app
