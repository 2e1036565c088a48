#include "orograph/par/process_grid.hpp"

#include "orograph/core/error.hpp"

namespace orograph::par {

// Pure arithmetic on the same numbers everywhere: no communication, and the same verdict on all ranks.
ProcessGrid make_process_grid(const Communicator& world, int shards, MasterRole role) {
    const int first_worker = role == MasterRole::only_leases ? 1 : 0;
    const int workers = world.size() - first_worker;
    OROGRAPH_VALIDATE(shards >= 1, ExitCode::config, "run.shards is ", shards, "; it must be at least 1");
    OROGRAPH_VALIDATE(workers >= 1, ExitCode::config, "a master that only leases needs a second rank; start at least 2 ranks");
    OROGRAPH_VALIDATE(workers % shards == 0, ExitCode::config, workers, " working ranks cannot form groups of run.shards = ", shards,
                      "; choose a number of ranks that shards divides");
    ProcessGrid grid{.world = world, .shards = shards, .groups = workers / shards, .first_worker = first_worker};
    const int worker = world.rank() - first_worker;
    grid.group = worker < 0 ? -1 : worker / shards;
    grid.shard = worker < 0 ? 0 : worker % shards;
    return grid;
}

}  // namespace orograph::par
