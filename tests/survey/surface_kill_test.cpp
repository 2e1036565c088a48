#include "synthetic_surface.hpp"

#include "orograph/core/error.hpp"

#include <sys/wait.h>

#include <fstream>
#include <random>
#include <set>

// Processes that write a surface file are killed at random instants, while they create it too. SURFACE_WRITER is the program of
// surface_writer.cpp, MPIEXEC the launcher.
namespace orograph::survey {
namespace {

constexpr int nx = 24, ny = 20;
constexpr std::int64_t points = nx * ny;

class SurfaceKillTest : public synthetic::FolderTest {
protected:
    // The exit status as a shell gives it: 137 after SIGKILL.
    int run(const std::filesystem::path& file, const std::string& options, const std::string& launcher = "") const {
        const auto command = cat(launcher, " ", SURFACE_WRITER, " ", file.string(), " ", nx, " ", ny, " ", options, " >/dev/null 2>",
                                 (folder / "stderr").string());
        const int status = std::system(command.c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    // Points that any rank of any run said were written.
    static std::set<std::int64_t> acknowledged(const std::filesystem::path& file, int ranks) {
        std::set<std::int64_t> all;
        for (int rank = 0; rank < ranks; ++rank) {
            std::ifstream in(file.string() + ".ack." + std::to_string(rank), std::ios::binary);
            for (std::int64_t point = 0; in.read(reinterpret_cast<char*>(&point), sizeof(point));) all.insert(point);
        }
        return all;
    }

    // What must hold after every kill. Returns the number of points that are done.
    static std::int64_t expect_nothing_lost(const std::filesystem::path& file, int ranks) {
        const auto acks = acknowledged(file, ranks);
        if (!std::filesystem::exists(file)) {
            EXPECT_TRUE(acks.empty());
            return 0;
        }
        const auto surface = read_surface(file);
        EXPECT_TRUE(surface.damaged.empty());
        for (const auto point : acks) EXPECT_EQ(surface.statuses[point], synthetic::status_of(point)) << "point " << point << " was lost";
        for (std::int64_t point = 0; point < points; ++point) {
            if (surface.statuses[point] == PointStatus::pending) continue;
            for (int field = 0; field < synthetic::field_count; ++field) {
                EXPECT_TRUE(synthetic::same_bits(surface.values[field][point], synthetic::value_of(point, field))) << "point " << point;
            }
        }
        return points - surface.count(PointStatus::pending);
    }

    // The bytes of the file that nobody killed.
    std::string undisturbed() const {
        static const std::string bytes = [&] {
            const auto file = folder / "undisturbed.h5";
            EXPECT_EQ(run(file, ""), 0);
            return synthetic::bytes_of(file);
        }();
        return bytes;
    }

    void expect_complete(const std::filesystem::path& file, int ranks) const {
        EXPECT_EQ(expect_nothing_lost(file, ranks), points);
        EXPECT_EQ(acknowledged(file, ranks).size(), static_cast<std::size_t>(points));
        EXPECT_TRUE(synthetic::bytes_of(file) == undisturbed());
        EXPECT_FALSE(std::filesystem::exists(folder / ("." + file.filename().string() + ".creating")));
    }
};

TEST_F(SurfaceKillTest, OneProcessKilledAtAnyInstantLosesNoAcknowledgedPoint) {
    const auto file = folder / "a.h5";
    std::mt19937 random(3);
    int killed_half_way = 0;
    for (int trial = 0; trial < 4; ++trial) {
        const auto status =
            run(file, cat("--pause-us 300 --kill-rank 0 --kill-after ", random() % 60, " --kill-delay-us ", random() % 1000));
        if (status == 0) continue;
        ASSERT_EQ(status, 137);
        const auto done = expect_nothing_lost(file, 1);
        killed_half_way += done > 0 && done < points;
    }
    EXPECT_GE(killed_half_way, 2);
    ASSERT_EQ(run(file, ""), 0);
    expect_complete(file, 1);
}

TEST_F(SurfaceKillTest, AKillDuringCreationLeavesNoHalfFile) {
    const auto file = folder / "b.h5";
    int absent = 0, killed = 0;
    for (int trial = 0; trial < 5; ++trial) {
        std::filesystem::remove(file);
        std::filesystem::remove(file.string() + ".ack.0");
        killed += run(file, cat("--pause-us 300 --kill-rank 0 --kill-after -1 --kill-delay-us ", 1300 * trial)) == 137;
        absent += !std::filesystem::exists(file);
        expect_nothing_lost(file, 1);
    }
    EXPECT_EQ(killed, 5);
    EXPECT_GE(absent, 1);
    ASSERT_EQ(run(file, ""), 0);
    expect_complete(file, 1);
}

TEST_F(SurfaceKillTest, OneOfTwoRanksKilledLosesNoAcknowledgedPoint) {
    const std::string launcher = cat(MPIEXEC, " -n 2 --oversubscribe --bind-to none");
    std::mt19937 random(5);
    for (int victim = 0; victim < 2; ++victim) {
        const auto file = folder / cat("c", victim, ".h5");
        const auto options =
            cat("--mpi --pause-us 1000 --kill-rank ", victim, " --kill-after ", 5 + random() % 40, " --kill-delay-us ", random() % 500);
        EXPECT_NE(run(file, options, launcher), 0);
        const auto done = expect_nothing_lost(file, 2);
        EXPECT_GT(done, 0);
        EXPECT_LT(done, points);
        ASSERT_EQ(run(file, "--mpi", launcher), 0);
        expect_complete(file, 2);
    }
}

}  // namespace
}  // namespace orograph::survey
