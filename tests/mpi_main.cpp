#include "orograph/par/communicator.hpp"
#include "orograph/par/environment.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace {

// Prints failures with their rank; everything else from rank 0 only.
class RankListener : public testing::EmptyTestEventListener {
    void OnTestPartResult(const testing::TestPartResult& result) override {
        if (!result.failed()) return;
        std::fprintf(stderr, "[rank %d] %s:%d: %s\n", orograph::par::Communicator::world().rank(),
                     result.file_name() ? result.file_name() : "", result.line_number(), result.message());
    }
};

}  // namespace

int main(int argc, char** argv) {
    orograph::par::Environment environment(argc, argv);
    testing::InitGoogleTest(&argc, argv);
    const auto world = orograph::par::Communicator::world();
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (world.rank() != 0) delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new RankListener);
    const int failed = RUN_ALL_TESTS();
    const auto worst = orograph::par::all_max(world, failed);
    return world.rank() == 0 ? static_cast<int>(worst) : 0;
}
