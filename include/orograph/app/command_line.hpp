#pragma once

#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"

namespace orograph::app {

// Parses the command line and runs what it asks for. Collective over world. Returns the exit code; throws Error, usage faults included.
ExitCode run_command_line(const par::Communicator& world, int argc, char** argv);

}  // namespace orograph::app
