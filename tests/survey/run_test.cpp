#include "wave.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/survey/survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>

using namespace orograph;
using namespace orograph::survey;
using orograph::test::Wave;

namespace {

const auto never = [] { return false; };

std::uint64_t bits(double value) {
    return std::bit_cast<std::uint64_t>(value);
}

// The record that a single loop over all batches gives.
std::vector<double> expected_record(double x, double y) {
    double sum = 0;
    for (int batch = 0; batch < test::wave_batches; ++batch) sum += test::wave_batch(x, y, batch);
    return {sum, test::wave_batches};
}

class Run : public testing::Test {
protected:
    Run() {
        std::string folder;
        par::on_root(world_, [&] {
            std::string pattern = (std::filesystem::temp_directory_path() / "orograph-run-XXXXXX").string();
            folder = mkdtemp(pattern.data());
        });
        par::broadcast(world_, folder, 0);
        folder_ = folder;
        options_.progress = ProgressStyle::none;
        options_.stop = never;
    }

    ~Run() override {
        par::barrier(world_);
        if (world_.rank() == 0) std::filesystem::remove_all(folder_);
    }

    // All layouts that this number of ranks allows: each role of rank 0, each number of shards that divides the rest.
    std::vector<par::ProcessGrid> layouts() const {
        std::vector<par::ProcessGrid> result;
        for (const auto role : {par::MasterRole::also_works, par::MasterRole::only_leases}) {
            const int working = world_.size() - (role == par::MasterRole::only_leases);
            for (int shards = 1; shards <= working; ++shards) {
                if (working % shards == 0) result.push_back(par::make_process_grid(world_, shards, role));
            }
        }
        return result;
    }

    static Grid grid_of(std::int64_t nx, std::int64_t ny) { return Grid({linear_axis("x", -1, 1, nx), linear_axis("y", 0, 2, ny)}); }

    static SurfaceSchema schema_of(const Grid& points) {
        return {.title = "run test", .grid = points, .fields = Wave(0, 1).fields(), .directions = {}, .fingerprints = {{"grid", "test"}}, .provenance = {}};
    }

    SurfaceFile open(const par::Communicator& comm, const std::string& name, const Grid& points, Overwrite overwrite = Overwrite::refuse) const {
        return SurfaceFile(comm, folder_ / name, schema_of(points), overwrite);
    }

    Outcome run_once(const par::ProcessGrid& layout, const std::string& name, const Grid& points, Wave& wave) {
        auto file = open(layout.world, name, points);
        const auto outcome = run(layout, points, layout.works() ? &wave : nullptr, file, options_);
        file.close();
        EXPECT_EQ(par::all_min(layout.world, outcome.computed), par::all_max(layout.world, outcome.computed));
        EXPECT_EQ(par::all_min(layout.world, outcome.complete), par::all_max(layout.world, outcome.complete));
        EXPECT_EQ(par::all_min(layout.world, outcome.non_finite), par::all_max(layout.world, outcome.non_finite));
        EXPECT_EQ(par::all_min(layout.world, bits(outcome.seconds)), par::all_max(layout.world, bits(outcome.seconds)));
        return outcome;
    }

    // Compares the file with the oracle on rank 0; returns the number of values compared, on every rank.
    std::int64_t compare_with_oracle(const std::string& name, const Grid& points) const {
        std::int64_t compared = 0;
        par::on_root(world_, [&] {
            const auto surface = read_surface(folder_ / name);
            EXPECT_TRUE(surface.damaged.empty());
            EXPECT_EQ(surface.count(PointStatus::done), points.size());
            std::int64_t point = 0;
            for (const double x : points.axes()[0].coordinates) {
                for (const double y : points.axes()[1].coordinates) {
                    const auto record = expected_record(x, y);
                    for (std::size_t f = 0; f < record.size(); ++f, ++compared) EXPECT_EQ(bits(surface.values.at(f).at(point)), bits(record[f]));
                    ++point;
                }
            }
        });
        return par::all_max(world_, compared);
    }

    // Points that the groups computed, summed over groups; each group's shards all computed the same ones.
    std::int64_t points_computed(const par::ProcessGrid& layout, const Wave& wave) const {
        EXPECT_EQ(par::all_sum(world_, layout.works() ? wave.calls() : 0), layout.shards * par::all_sum(world_, layout.is_leader() ? wave.calls() : 0));
        EXPECT_EQ(wave.points().size(), static_cast<std::size_t>(wave.calls()));
        return par::all_sum(world_, layout.is_leader() ? wave.calls() : 0);
    }

    par::Communicator world_ = par::Communicator::world();
    std::filesystem::path folder_;
    RunOptions options_;
};

TEST_F(Run, EveryPointOnceAndTheSameBitsInEveryLayout) {
    const auto points = grid_of(13, 9);
    int layout_number = 0;
    for (const auto& layout : layouts()) {
        Wave wave(std::max(layout.shard, 0), layout.shards);
        const auto name = cat("layout-", layout_number++, ".h5");
        const auto outcome = run_once(layout, name, points, wave);
        EXPECT_TRUE(outcome.complete);
        EXPECT_EQ(outcome.computed, 117);
        EXPECT_EQ(outcome.non_finite, 0);
        EXPECT_GT(outcome.seconds, 0);
        EXPECT_EQ(points_computed(layout, wave), 117);
        EXPECT_EQ(compare_with_oracle(name, points), 2 * 117);
    }
    EXPECT_GE(layout_number, world_.size());
}

TEST_F(Run, UnevenRanksShareTheWork) {
    const auto points = grid_of(10, 10);
    const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
    Wave wave(0, 1);
    std::mt19937 random(world_.rank());
    wave.before([&](int, const CancelToken&) { std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000)); });
    EXPECT_TRUE(run_once(layout, "uneven.h5", points, wave).complete);
    EXPECT_EQ(points_computed(layout, wave), 100);
    EXPECT_EQ(compare_with_oracle("uneven.h5", points), 200);
}

// As many points as ranks, and each waits until all are being computed: hangs where a group is given a second point while another group has none.
TEST_F(Run, TheLastPointsAreComputedAtTheSameTime) {
    const auto points = grid_of(1, world_.size());
    const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
    Wave wave(0, 1);
    wave.before([&](int, const CancelToken&) {
        std::ofstream(folder_ / cat("computing-", world_.rank()));
        for (int rank = 0; rank < world_.size(); ++rank) {
            while (!std::filesystem::exists(folder_ / cat("computing-", rank))) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    EXPECT_TRUE(run_once(layout, "last.h5", points, wave).complete);
    EXPECT_EQ(wave.calls(), 1);
    EXPECT_EQ(compare_with_oracle("last.h5", points), 2 * world_.size());
}

TEST_F(Run, MoreRanksThanPoints) {
    for (const std::int64_t ny : {1, 2}) {
        const auto points = grid_of(1, ny);
        const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
        Wave wave(0, 1);
        const auto name = cat("few-", ny, ".h5");
        const auto outcome = run_once(layout, name, points, wave);
        EXPECT_TRUE(outcome.complete);
        EXPECT_EQ(outcome.computed, ny);
        EXPECT_EQ(points_computed(layout, wave), ny);
        EXPECT_EQ(compare_with_oracle(name, points), 2 * ny);
    }
}

TEST_F(Run, GoesOnWithWhatIsMissingAndLeavesTheRestAlone) {
    const auto points = grid_of(11, 7);
    int tried = 0;
    for (const auto& layout : layouts()) {
        std::mt19937 random(7 + tried);
        std::vector<bool> there(points.size());
        for (std::size_t i = 0; i < there.size(); ++i) there[i] = random() % 2 == 0;
        const auto present = std::ranges::count(there, true);
        const std::vector<double> marker{-77, -78};
        const auto name = cat("resume-", tried++, ".h5");
        {
            auto file = open(world_, name, points);
            for (std::int64_t i = world_.rank(); i < points.size(); i += world_.size()) {
                if (there[i]) file.write(PointIndex{i}, marker, PointStatus::done);
            }
            file.close();
        }
        Wave wave(std::max(layout.shard, 0), layout.shards);
        const auto outcome = run_once(layout, name, points, wave);
        EXPECT_TRUE(outcome.complete);
        EXPECT_EQ(outcome.computed, points.size() - present);
        EXPECT_EQ(points_computed(layout, wave), points.size() - present);
        par::on_root(world_, [&] {
            const auto surface = read_surface(folder_ / name);
            std::int64_t kept = 0;
            for (std::int64_t i = 0; i < points.size(); ++i) {
                const auto coordinates = points.coordinates(PointIndex{i});
                const auto record = there[i] ? marker : expected_record(coordinates[0], coordinates[1]);
                EXPECT_EQ(bits(surface.values.at(0).at(i)), bits(record[0]));
                kept += there[i];
            }
            EXPECT_EQ(kept, present);
        });
    }
    EXPECT_GE(tried, world_.size());
}

TEST_F(Run, NothingPendingReturnsAtOnceWithoutMeasurement) {
    const auto points = grid_of(3, 2);
    const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
    {
        auto file = open(world_, "full.h5", points);
        for (std::int64_t i = world_.rank(); i < points.size(); i += world_.size()) {
            const std::vector<double> record{i == 4 ? NAN : 1.0, 2.0};
            file.write(PointIndex{i}, record, i == 4 ? PointStatus::non_finite : PointStatus::done);
        }
        file.close();
    }
    Wave wave(0, 1);
    const auto outcome = run_once(layout, "full.h5", points, wave);
    EXPECT_TRUE(outcome.complete);
    EXPECT_EQ(outcome.computed, 0);
    EXPECT_EQ(outcome.non_finite, 1);
    EXPECT_EQ(wave.calls(), 0);
}

TEST_F(Run, NonFiniteRecordsAreMarked) {
    const auto points = grid_of(9, 4);  // x = -1, -0.75, ..., 1: three of nine above 0.3
    for (const auto& layout : layouts()) {
        Wave wave(std::max(layout.shard, 0), layout.shards);
        wave.nan_above = 0.3;
        const auto name = cat("nan-", layout.shards, "-", layout.first_worker, ".h5");
        const auto outcome = run_once(layout, name, points, wave);
        EXPECT_TRUE(outcome.complete);
        EXPECT_EQ(outcome.non_finite, 3 * 4);
        par::on_root(world_, [&] {
            const auto surface = read_surface(folder_ / name);
            EXPECT_EQ(surface.count(PointStatus::non_finite), 12);
            for (std::int64_t i = 0; i < points.size(); ++i) {
                const bool finite = points.coordinates(PointIndex{i})[0] <= 0.3;
                EXPECT_EQ(surface.statuses.at(i), finite ? PointStatus::done : PointStatus::non_finite);
                EXPECT_EQ(std::isnan(surface.values.at(0).at(i)), !finite);
            }
        });
    }
}

// Each rank in turn asks to stop. Some points can end only by being cancelled, so a survey that does not drain hangs here.
TEST_F(Run, StopsEarlyOnAnyRanksRequestAndGoesOnLater) {
    const auto points = grid_of(12, 8);
    int tried = 0;
    for (const auto& layout : layouts()) {
        for (int stopper = 0; stopper < world_.size(); ++stopper, ++tried) {
            const auto name = cat("drain-", tried, ".h5");
            Wave blocking(std::max(layout.shard, 0), layout.shards);
            std::atomic<bool> blocked{false};
            blocking.before([&](int call, const CancelToken& cancel) {
                if (call <= 3) return;
                blocked = true;
                test::wait_until_cancelled(cancel);
            });
            int looks = 0;
            options_.stop = [&] { return world_.rank() == stopper && (layout.works() ? blocked.load() : ++looks > 20); };
            const auto first = run_once(layout, name, points, blocking);
            EXPECT_FALSE(first.complete);
            EXPECT_LE(first.computed, 3 * layout.groups);

            options_.stop = never;
            Wave wave(std::max(layout.shard, 0), layout.shards);
            const auto second = run_once(layout, name, points, wave);
            EXPECT_TRUE(second.complete);
            EXPECT_EQ(first.computed + second.computed, points.size());
            EXPECT_EQ(compare_with_oracle(name, points), 2 * points.size());
        }
    }
    EXPECT_GE(tried, world_.size());
}

TEST_F(Run, ErrorsOfTheComputeThreadComeOutOfRun) {
    const auto points = grid_of(4, 4);
    const auto alone = par::make_process_grid({}, 1, par::MasterRole::also_works);
    const auto name = cat("throw-", world_.rank(), ".h5");
    auto file = open({}, name, points);
    Wave wave(0, 1);
    wave.before([](int call, const CancelToken&) { OROGRAPH_VALIDATE(call < 6, ExitCode::data, "call ", call, " fails; this test wants it"); });
    try {
        run(alone, points, &wave, file, options_);
        FAIL() << "no error came out";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::data);
        EXPECT_STREQ(error.what(), "call 6 fails; this test wants it");
    }
    file.close();
    const auto surface = read_surface(folder_ / name);
    EXPECT_EQ(surface.count(PointStatus::done), 5);
}

// A point that hangs is tried again by later runs, then given up, and computed again on request. The job's end is an exception here.
TEST_F(Run, APointThatHangsIsRetriedAndThenGivenUp) {
    const auto points = grid_of(3, 4);
    const auto alone = par::make_process_grid({}, 1, par::MasterRole::also_works);
    const auto name = cat("hang-", world_.rank(), ".h5");
    const auto path = folder_ / name, side_file = folder_ / (name + ".hung");
    options_.lease_timeout_s = 0.3;
    options_.lease_retries = 2;
    options_.abandon = [](const std::string& why) { throw Error(ExitCode::stopped, why); };
    const auto hang_at = [](Wave& wave, double x, double y) {
        wave.before([&wave, x, y](int, const CancelToken& cancel) {
            if (wave.points().contains({x, y})) test::wait_until_cancelled(cancel);
        });
    };
    for (const std::string times : {"1", "2", "3"}) {
        Wave wave(0, 1);
        hang_at(wave, 0, 2.0 / 3);
        auto file = open({}, name, points);
        EXPECT_EQ(file.inventory().pending_points, times == "1" ? 12 : 7);
        try {
            run(alone, points, &wave, file, options_);
            FAIL() << "nothing was abandoned";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::stopped);
            EXPECT_THAT(error.what(), testing::StartsWith("rank 0 did not finish point 5 within run.lease_timeout_s (0.3 s)"));
            EXPECT_THAT(error.what(), testing::HasSubstr(times == "3" ? "given up (status 3)" : "will be tried again"));
        }
        file.close();
        std::string number, noted;
        std::ifstream(side_file) >> number >> noted;
        EXPECT_EQ(number, "5");
        EXPECT_EQ(noted, times);
        EXPECT_EQ(read_surface(path).count(PointStatus::failed), times == "3" ? 1 : 0);
        EXPECT_EQ(read_surface(path).count(PointStatus::done), 5);
    }
    Wave rest(0, 1);
    const auto without = run_once(alone, name, points, rest);
    EXPECT_TRUE(without.complete);
    EXPECT_EQ(without.computed, 6);
    EXPECT_EQ(without.failed, 1);
    EXPECT_FALSE(std::filesystem::exists(side_file));
    Wave nothing(0, 1);
    EXPECT_EQ(run_once(alone, name, points, nothing).failed, 1);
    EXPECT_EQ(nothing.calls(), 0);
    options_.retry_failed = true;
    Wave again(0, 1);
    const auto with = run_once(alone, name, points, again);
    EXPECT_TRUE(with.complete);
    EXPECT_EQ(with.computed, 1);
    EXPECT_EQ(with.failed, 0);
    EXPECT_EQ(read_surface(path).count(PointStatus::done), 12);
}

TEST_F(Run, WorksWithoutMpi) {
    const auto points = grid_of(5, 5);
    const auto alone = par::make_process_grid({}, 1, par::MasterRole::also_works);
    const auto name = cat("alone-", world_.rank(), ".h5");
    Wave wave(0, 1);
    const auto outcome = run_once(alone, name, points, wave);
    EXPECT_TRUE(outcome.complete);
    EXPECT_EQ(wave.calls(), 25);
}

TEST_F(Run, RankZeroShowsProgress) {
    const auto points = grid_of(6, 6);
    const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
    options_.progress = ProgressStyle::lines;
    options_.progress_s = 0.001;
    options_.title = "surface of waves";
    Wave wave(0, 1);
    wave.before([](int, const CancelToken&) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
    testing::internal::CaptureStderr();
    run_once(layout, "progress.h5", points, wave);
    const auto text = testing::internal::GetCapturedStderr();
    if (world_.rank() == 0) {
        EXPECT_THAT(text, testing::HasSubstr("surface of waves"));
        EXPECT_THAT(text, testing::HasSubstr("36"));
        EXPECT_GE(std::ranges::count(text, '\n'), 3);
    } else {
        EXPECT_THAT(text, testing::Not(testing::HasSubstr("surface of waves")));
    }
}

// The last test: the flag that the signal sets stays set.
TEST_F(Run, ZSignalStopsTheSurveyOnAllRanks) {
    install_stop_handlers();
    const auto points = grid_of(12, 8);
    const auto layout = par::make_process_grid(world_, 1, par::MasterRole::also_works);
    options_.stop = RunOptions().stop;
    Wave blocking(0, 1);
    blocking.before([&](int call, const CancelToken& cancel) {
        if (call <= 2) return;
        if (world_.rank() == world_.size() - 1) raise(SIGUSR1);
        test::wait_until_cancelled(cancel);
    });
    const auto outcome = run_once(layout, "signal.h5", points, blocking);
    EXPECT_FALSE(outcome.complete);
    EXPECT_EQ(par::all_sum(world_, stop_requested()), 1);

    options_.stop = never;
    Wave wave(0, 1);
    EXPECT_EQ(run_once(layout, "signal.h5", points, wave).computed, points.size() - outcome.computed);
    EXPECT_EQ(compare_with_oracle("signal.h5", points), 2 * points.size());
}

}  // namespace
