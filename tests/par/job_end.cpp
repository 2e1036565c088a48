#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/rendezvous.hpp"

#include <chrono>
#include <exception>
#include <string_view>
#include <thread>

namespace {

using namespace orograph;

// Only the last rank throws; the others wait for it.
void end_by_unwinding() {
    try {
        int argc = 0;
        char** argv = nullptr;
        par::Environment environment(argc, argv);
        const auto world = par::Communicator::world();
        if (world.rank() == world.size() - 1) throw Error(ExitCode::config, "only one rank knows");
        par::barrier(world);
    } catch (const Error&) {
        std::this_thread::sleep_for(std::chrono::hours(1));
    }
}

// The last rank never comes; the others give up.
void end_by_waiting(const par::Communicator& world) {
    if (world.rank() == world.size() - 1) std::this_thread::sleep_for(std::chrono::hours(1));
    if (!par::all_arrive(world, 0.2)) par::abort(static_cast<int>(ExitCode::stopped));
}

}  // namespace

// Ends a job in the way that its argument names; tests/par/CMakeLists.txt knows the exit codes.
int main(int argc, char** argv) {
    const std::string_view way = argc > 1 ? argv[1] : "";
    if (way == "unwinding") {
        end_by_unwinding();
        return 1;
    }
    par::Environment environment(argc, argv);
    const auto world = par::Communicator::world();
    if (way == "late") end_by_waiting(world);
    return par::all_arrive(world, 30) ? 0 : 1;
}
