#include "orograph/app/command_line.hpp"
#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/standard_descriptors.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/launch.hpp"
#include "orograph/par/rendezvous.hpp"

#include <cstdlib>
#include <iostream>
#include <optional>

namespace {

using orograph::ExitCode;

// A file that HDF5 could not write to the end crashes HDF5's own clean-up in MPI_Finalize: rank 0 ends here, and the launcher ends the
// others.
[[noreturn]] void leave_at_once(const orograph::par::Communicator& world, ExitCode code) {
    if (world.rank() > 0) orograph::par::barrier(world);
    std::_Exit(static_cast<int>(code));
}

// Where every rank failed, all leave in order and rank 0 speaks for them by its exit code, too; where only some did, the others would wait
// for ever, so the job is aborted.
int fail(const orograph::Error& error, bool speaks) {
    const auto world = orograph::par::Communicator::world();
    constexpr double patience_s = 2;
    if (orograph::par::all_arrive(world, patience_s)) {
        orograph::log::error(error.what());
        if (error.code() == ExitCode::io) leave_at_once(world, error.code());
        return speaks ? static_cast<int>(error.code()) : 0;
    }
    orograph::log::self(orograph::log::Level::error, error.what());
    orograph::par::abort(static_cast<int>(error.code()));
}

// MPI is started where the command is for all ranks and a launcher has several of them: alone, the program needs none, and cannot fail by
// it.
int run(int argc, char** argv, std::optional<orograph::par::Environment>& mpi) {
    using Ranks = orograph::app::Command::Ranks;
    using orograph::par::Start;
    const auto launch = orograph::par::read_launch();
    const bool is_alone = launch.start != Start::joined;  // and ends with a code of its own
    int rank = launch.rank;
    int status = 0;
    orograph::log::configure(orograph::log::Level::info, rank);
    const auto error = orograph::error_from([&] {
        const auto command = orograph::app::parse_command_line(argc, argv);
        if (command.ranks == Ranks::all && launch.start == Start::joined) mpi.emplace(argc, argv);
        const auto world = orograph::par::Communicator::world();
        if (mpi) rank = world.rank();
        if (command.ranks == Ranks::one && launch.start == Start::unjoined) rank = 0;  // each task is a process like any other
        orograph::log::configure(orograph::log::Level::info, rank);
        if (mpi || is_alone || rank == 0) status = static_cast<int>(command.run(launch, world));
    });
    if (error) return fail(*error, rank == 0 || is_alone);
    return rank == 0 || is_alone ? status : 0;
}

}  // namespace

int main(int argc, char** argv) {
    orograph::occupy_standard_descriptors();
    orograph::tune_malloc();
    orograph::install_stop_handlers();
    std::optional<orograph::par::Environment> mpi;
    const int code = run(argc, argv, mpi);
    std::cout.flush();
    return code;
}
