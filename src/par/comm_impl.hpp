#pragma once

#include "orograph/par/communicator.hpp"

#include <mpi.h>

namespace orograph::par {

// An MPI communicator with its rank and size. Frees it where it owns it and MPI is still up; not while an exception unwinds, because
// the other ranks may not come to MPI_Comm_free.
struct Communicator::Impl {
    Impl(MPI_Comm comm_in, bool owned_in);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    MPI_Comm comm;
    bool owned;
    int rank = 0;
    int size = 1;
};

}  // namespace orograph::par
