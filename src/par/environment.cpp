#include "orograph/par/environment.hpp"

#include "orograph/core/error.hpp"
#include "orograph/par/mpi_access.hpp"

#include <cstdlib>
#include <exception>
#include <string>

namespace orograph::par {

// Errors of MPI come back as codes, for check_mpi(). Error(unavailable) where this MPI cannot work beside threads.
Environment::Environment(int& argc, char**& argv) {
    // Where ranks of several hosts open a file, OpenMPI keeps a shared file pointer in a file of its own beside it. Nobody here uses one,
    // and a job that is killed would leave it there.
    ::setenv("OMPI_MCA_sharedfp", "^lockedfile,individual", 0);
    int provided = MPI_THREAD_SINGLE;
    OROGRAPH_MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided));
    OROGRAPH_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    OROGRAPH_MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
    OROGRAPH_VALIDATE(provided >= MPI_THREAD_FUNNELED, ExitCode::unavailable,
                      "this MPI library does not support threads (MPI_THREAD_FUNNELED); use one that does");
}

Environment::~Environment() {
    int finalised = 0;
    MPI_Finalized(&finalised);
    if (finalised) return;
    if (std::uncaught_exceptions() > 0) abort(static_cast<int>(ExitCode::internal));
    MPI_Finalize();
}

// Ends this process alone where MPI is not up.
void abort(int code) {
    if (!Communicator::world().is_null()) MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
}

// Of "Open MPI v4.1.4, package: ..." the first part, without the v.
const char* library_version() {
    static const std::string version = [] {
        char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
        int length = 0;
        OROGRAPH_MPI(MPI_Get_library_version(text, &length));
        std::string name(text);
        name.resize(std::min(name.size(), name.find_first_of(",\n")));
        if (const auto at = name.find(" v"); at != std::string::npos) name.erase(at + 1, 1);
        return name;
    }();
    return version.c_str();
}

}  // namespace orograph::par
