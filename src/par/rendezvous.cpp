#include "orograph/par/rendezvous.hpp"

#include "orograph/par/mpi_access.hpp"

#include <chrono>
#include <thread>

namespace orograph::par {

bool all_arrive(const Communicator& comm, double timeout_s) {
    if (comm.is_null()) return true;
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_s));
    MPI_Request request;
    OROGRAPH_MPI(MPI_Ibarrier(raw(comm), &request));
    int arrived = 0;
    while (true) {
        OROGRAPH_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
        if (arrived || Clock::now() > deadline) return arrived != 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace orograph::par
