#pragma once

#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/launch.hpp"

#include <functional>

namespace orograph::app {

// What a command line asks for.
struct Command {
    enum class Ranks { one, all };
    Ranks ranks = Ranks::one;  // all: run() is collective over world; one: rank 0 alone runs it, without MPI
    std::function<ExitCode(const par::Launch& launch, const par::Communicator& world)> run;
};

// Throws Error(usage). Prints nothing: help and version are commands too.
Command parse_command_line(int argc, char** argv);

}  // namespace orograph::app
