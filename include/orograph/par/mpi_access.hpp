#pragma once

#include "orograph/par/communicator.hpp"

#include <mpi.h>

// For sources of par and h5 only: everybody else talks to MPI through the other headers.
namespace orograph::par {

// MPI_COMM_SELF for the null communicator.
MPI_Comm raw(const Communicator& comm);

// Throws Error(io) with the expression, MPI's text, file, line and rank.
void check_mpi(int code, const char* expression, const char* file, int line);

}  // namespace orograph::par

#define OROGRAPH_MPI(expression) ::orograph::par::check_mpi((expression), #expression, __FILE__, __LINE__)
