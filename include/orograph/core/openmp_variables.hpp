#pragma once

#include <string>
#include <vector>

namespace orograph {

// OpenMP's runtimes read variables such as OMP_PROC_BIND before main() and bind the main thread to one core, which every later thread and
// the count of cores inherit. So they are taken out of the environment before any library is set up: run.threads and the launcher alone
// say what this process computes with. Calling this function is what links that in.
//
// The variables that were there, as NAME=VALUE.
std::vector<std::string> set_aside_openmp_variables();

}  // namespace orograph
