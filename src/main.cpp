#include "orograph/app/command_line.hpp"
#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/rendezvous.hpp"

#include <cstdlib>
#include <exception>
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
int fail(ExitCode code, const std::string& message) {
    const auto world = orograph::par::Communicator::world();
    constexpr double patience_s = 2;
    if (orograph::par::all_arrive(world, patience_s)) {
        orograph::log::error(message);
        if (code == ExitCode::io) leave_at_once(world, code);
        return world.rank() == 0 ? static_cast<int>(code) : 0;
    }
    orograph::log::self(orograph::log::Level::error, message);
    orograph::par::abort(static_cast<int>(code));
}

int run(int argc, char** argv) {
    try {
        const auto world = orograph::par::Communicator::world();
        orograph::log::configure(orograph::log::Level::info, world.rank());
        const auto code = orograph::app::run_command_line(world, argc, argv);
        return world.rank() == 0 ? static_cast<int>(code) : 0;
    } catch (const orograph::Error& error) {
        return fail(error.code(), error.what());
    } catch (const std::bad_alloc&) {
        return fail(ExitCode::unavailable, "out of memory; use fewer ranks a node, or data.limit");
    } catch (const std::exception& error) {
        return fail(ExitCode::internal, error.what());
    }
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
