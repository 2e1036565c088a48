#include "orograph/app/command_line.hpp"
#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/rendezvous.hpp"

#include <cstdlib>
#include <iostream>

namespace {

using orograph::ExitCode;

// A file that HDF5 could not write to the end crashes HDF5's own clean-up in MPI_Finalize: rank 0 ends here, and the launcher ends the
// others.
[[noreturn]] void leave_at_once(const orograph::par::Communicator& world, ExitCode code) {
    if (world.rank() > 0) orograph::par::barrier(world);
    std::_Exit(static_cast<int>(code));
}

// Where every rank failed, all leave in order and rank 0 speaks for them; where only some did, the others would wait for ever, so the job
// is aborted.
int fail(const orograph::Error& error) {
    const auto world = orograph::par::Communicator::world();
    constexpr double patience_s = 2;
    if (orograph::par::all_arrive(world, patience_s)) {
        orograph::log::error(error.what());
        if (error.code() == ExitCode::io) leave_at_once(world, error.code());
        return world.rank() == 0 ? static_cast<int>(error.code()) : 0;
    }
    orograph::log::self(orograph::log::Level::error, error.what());
    orograph::par::abort(static_cast<int>(error.code()));
}

int run(int argc, char** argv) {
    int status = 0;
    const auto error = orograph::error_from([&] {
        const auto world = orograph::par::Communicator::world();
        orograph::log::configure(orograph::log::Level::info, world.rank());
        const auto code = orograph::app::run_command_line(world, argc, argv);
        status = world.rank() == 0 ? static_cast<int>(code) : 0;
    });
    return error ? fail(*error) : status;
}

}  // namespace

int main(int argc, char** argv) {
    orograph::tune_malloc();
    orograph::install_stop_handlers();
    orograph::par::Environment environment(argc, argv);
    const int code = run(argc, argv);
    std::cout.flush();
    return code;
}
