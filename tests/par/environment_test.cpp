#include "orograph/par/environment.hpp"

#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/par/mpi_access.hpp"
#include "orograph/par/rendezvous.hpp"

#include <gtest/gtest.h>

#include <string>

namespace orograph::par {
namespace {

TEST(Environment, MpiAllowsThreadsBesideTheMainOne) {
    int provided = 0;
    ASSERT_EQ(MPI_Query_thread(&provided), MPI_SUCCESS);
    EXPECT_GE(provided, MPI_THREAD_FUNNELED);
}

TEST(Environment, LibraryVersionIsNameAndNumber) {
    const std::string version = library_version();
    EXPECT_EQ(version, cat("Open MPI ", OMPI_MAJOR_VERSION, ".", OMPI_MINOR_VERSION, ".", OMPI_RELEASE_VERSION));
}

// On the world and on what is made from it.
TEST(CheckMpi, NamesExpressionReasonAndRank) {
    const auto world = Communicator::world();
    int compared = 0;
    for (const auto& comm : {Communicator(), world, world.duplicate(), world.split(0, 0), world.split_node()}) {
        int value = 0;
        try {
            OROGRAPH_MPI(MPI_Bcast(&value, 1, MPI_INT, comm.size(), raw(comm)));
            ADD_FAILURE() << "no Error was thrown";
        } catch (const Error& error) {
            const std::string message = error.what();
            EXPECT_EQ(error.code(), ExitCode::io);
            EXPECT_NE(message.find("MPI_Bcast(&value, 1, MPI_INT, comm.size(), raw(comm)) failed"), std::string::npos) << message;
            EXPECT_NE(message.find("MPI_ERR_ROOT"), std::string::npos) << message;
            EXPECT_NE(message.find(cat("on rank ", world.rank(), ":")), std::string::npos) << message;
            EXPECT_NE(message.find("environment_test.cpp:"), std::string::npos) << message;
            EXPECT_EQ(message.find('\n'), std::string::npos) << message;
            ++compared;
        }
    }
    EXPECT_EQ(compared, 5);
}

TEST(Raw, IsTheCommunicatorOrSelf) {
    EXPECT_EQ(raw(Communicator()), MPI_COMM_SELF);
    EXPECT_EQ(raw(Communicator::world()), MPI_COMM_WORLD);
    int compared = 0;
    MPI_Comm_compare(raw(Communicator::world().duplicate()), MPI_COMM_WORLD, &compared);
    EXPECT_EQ(compared, MPI_CONGRUENT);
}

TEST(AllArrive, WaitsForEverybody) {
    EXPECT_TRUE(all_arrive(Communicator(), 0));
    EXPECT_TRUE(all_arrive(Communicator::world(), 30));
}

}  // namespace
}  // namespace orograph::par
