#pragma once

#include <functional>
#include <string>

namespace orograph::par {

// What a launcher (mpirun, srun) has left in the environment of this process about how it was started, before MPI is asked.

enum class Start {
    alone,     // one process: it needs no MPI
    joined,    // one of several, or of a number that nobody names; MPI can join them to ranks
    unjoined,  // one of several tasks of Slurm that MPI has no way to join
};

struct Launch {
    Start start = Start::alone;
    int rank = 0;         // as the launcher counts
    std::string trouble;  // unjoined: what Slurm promised, and what to do
};

// What bound a rank to its cores, and how to start it with `threads` of them: phrases for a message. Empty where nothing is known that did.
struct Binding {
    std::string by, cure;
};

// The value of a variable, or nullptr.
using Variables = std::function<const char*(const char* name)>;
const char* variable_of_process(const char* name);

Launch read_launch(const Variables& variables = variable_of_process);
Binding read_binding(int threads, const Variables& variables = variable_of_process);

// How many cores of this host Slurm gave the job; 0 where it did not start it.
int cores_granted(const Variables& variables = variable_of_process);

}  // namespace orograph::par
