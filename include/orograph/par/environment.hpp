#pragma once

namespace orograph::par {

// MPI's lifetime: initialises with MPI_THREAD_FUNNELED (one thread of a rank talks to MPI and HDF5), finalises on destruction,
// but not while an exception unwinds: then abort() ends the job. Made before anything communicates. Collective over all ranks.
class Environment {
public:
    Environment(int& argc, char**& argv);
    ~Environment();
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
};

// MPI_Abort with `code` on all ranks. Does not return.
[[noreturn]] void abort(int code);

// "Open MPI 4.1.4", for the provenance.
const char* library_version();

}  // namespace orograph::par
