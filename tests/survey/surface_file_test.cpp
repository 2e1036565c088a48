#include "synthetic_surface.hpp"

#include "orograph/core/error.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>

#include <sys/resource.h>

namespace orograph::survey {
namespace {

using synthetic::error_of;
using synthetic::record_of;
using synthetic::status_of;
using testing::HasSubstr;

constexpr int nx = 7, ny = 5;
constexpr std::int64_t points = nx * ny;

bool same_bits(double a, double b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class SurfaceFileTest : public synthetic::FolderTest {
protected:
    void SetUp() override {
        FolderTest::SetUp();
        path = folder / "out" / "a.h5";
    }

    // Collective. Points [first, last) whose status is pending, each by one rank.
    void write_points(SurfaceFile& file, std::int64_t first, std::int64_t last) const {
        for (std::int64_t point = first; point < last; ++point) {
            if (point % world.size() != world.rank() || file.statuses()[point] != PointStatus::pending) continue;
            file.write(PointIndex{point}, record_of(point), status_of(point));
        }
    }

    // Collective.
    void make(std::int64_t first, std::int64_t last) const {
        SurfaceFile file(world, path, schema, Overwrite::refuse);
        write_points(file, first, last);
        file.close();
    }

    // The number of values compared with their formula.
    static int expect_values(const Surface& surface, std::int64_t first, std::int64_t last) {
        int compared = 0;
        for (std::int64_t point = 0; point < points; ++point) {
            const bool computed = point >= first && point < last;
            EXPECT_EQ(surface.statuses[point], computed ? status_of(point) : PointStatus::pending) << point;
            for (int field = 0; field < synthetic::field_count; ++field, ++compared) {
                const double value = surface.values[field][point];
                if (computed) EXPECT_TRUE(same_bits(value, synthetic::value_of(point, field))) << point << " " << field;
                else EXPECT_TRUE(std::isnan(value)) << point << " " << field;
            }
        }
        return compared;
    }

    std::filesystem::path path;
    SurfaceSchema schema = synthetic::schema(nx, ny);
};

TEST_F(SurfaceFileTest, EveryBitThatAnyRankWroteIsReadBack) {
    make(0, points);
    const auto surface = read_surface(path);
    EXPECT_EQ(expect_values(surface, 0, points), points * synthetic::field_count);
    EXPECT_TRUE(surface.damaged.empty());
    EXPECT_EQ(surface.count(PointStatus::failed), 3);
    EXPECT_EQ(surface.count(PointStatus::non_finite), 6);
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".lock"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out" / ".a.h5.creating"));
}

TEST_F(SurfaceFileTest, SchemaIsReadBackInFull) {
    make(0, 1);
    const auto read = read_surface(path).schema;
    EXPECT_EQ(read.title, schema.title);
    EXPECT_EQ(read.fingerprints, schema.fingerprints);
    EXPECT_EQ(read.provenance, schema.provenance);
    ASSERT_EQ(read.grid.axes().size(), 2U);
    for (int axis = 0; axis < 2; ++axis) {
        EXPECT_EQ(read.grid.axes()[axis].name, schema.grid.axes()[axis].name);
        EXPECT_EQ(read.grid.axes()[axis].coordinates, schema.grid.axes()[axis].coordinates);
    }
    ASSERT_EQ(read.fields.size(), schema.fields.size());
    for (std::size_t field = 0; field < read.fields.size(); ++field) {
        EXPECT_EQ(read.fields[field].name, schema.fields[field].name);
        EXPECT_EQ(read.fields[field].long_name, schema.fields[field].long_name);
        EXPECT_EQ(read.fields[field].units, schema.fields[field].units);
    }
    ASSERT_EQ(read.directions.size(), 2U);
    for (int axis = 0; axis < 2; ++axis) {
        EXPECT_EQ(read.directions[axis].axis, schema.directions[axis].axis);
        EXPECT_EQ(read.directions[axis].attributes, schema.directions[axis].attributes);
        ASSERT_EQ(read.directions[axis].tensors.size(), 3U);
        for (int tensor = 0; tensor < 3; ++tensor) {
            EXPECT_EQ(read.directions[axis].tensors[tensor].name, schema.directions[axis].tensors[tensor].name);
            EXPECT_EQ(read.directions[axis].tensors[tensor].shape, schema.directions[axis].tensors[tensor].shape);
            EXPECT_EQ(read.directions[axis].tensors[tensor].values, schema.directions[axis].tensors[tensor].values);
        }
    }
}

TEST_F(SurfaceFileTest, ResumingSeesWhatIsDoneAndEndsInTheSameBytes) {
    make(0, points);
    const auto undisturbed = bytes_of(path);
    par::barrier(world);
    if (world.rank() == 0) std::filesystem::remove(path);
    par::barrier(world);
    make(0, 12);
    SurfaceFile file(world, path, schema, Overwrite::refuse);
    EXPECT_TRUE(file.resumed());
    ASSERT_EQ(file.statuses().size(), static_cast<std::size_t>(points));
    for (std::int64_t point = 0; point < points; ++point) EXPECT_EQ(file.statuses()[point], point < 12 ? status_of(point) : PointStatus::pending);
    write_points(file, 0, points);
    file.close();
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
    EXPECT_TRUE(bytes_of(path) == undisturbed);
}

TEST_F(SurfaceFileTest, ALineHasOneAxis) {
    schema = synthetic::schema(static_cast<int>(points), 0);
    make(3, points);
    const auto surface = read_surface(path);
    EXPECT_EQ(surface.schema.grid.axes().size(), 1U);
    EXPECT_EQ(surface.schema.directions.size(), 1U);
    EXPECT_EQ(expect_values(surface, 3, points), points * synthetic::field_count);
}

TEST_F(SurfaceFileTest, AFileOfAnotherJobIsRefusedByNameOnEveryRank) {
    make(0, 3);
    const auto before = bytes_of(path);
    auto other_data = schema, without_loss = schema, finer = schema, other_unit = schema;
    other_data.fingerprints["data"] = "different";
    without_loss.fingerprints.erase("loss");
    finer.grid = synthetic::schema(nx + 1, ny).grid;
    other_unit.fields[1].units = "1";
    const std::vector<std::pair<SurfaceSchema, std::string>> cases{
        {other_data, "another data (fingerprint 44556677; this job has different)"},
        {without_loss, "another loss (fingerprint cross_entropy; this job has none)"},
        {finer, "another grid (axis x: 7 values from -1 to 1"},
        {other_unit, "another set of values"}};
    for (const auto& [other, words] : cases) {
        const auto error = error_of([&] { SurfaceFile(world, path, other, Overwrite::refuse); });
        EXPECT_EQ(error.code(), ExitCode::data);
        EXPECT_THAT(error.what(), HasSubstr(path.string() + " was made with " + words));
        EXPECT_THAT(error.what(), HasSubstr("choose another output.file, or set output.overwrite: true to replace it"));
    }
    par::barrier(world);  // rank 0 lets go of the lock while it unwinds
    EXPECT_TRUE(bytes_of(path) == before);
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".lock"));
}

TEST_F(SurfaceFileTest, OverwriteReplacesAnotherFileButGoesOnWithItsOwn) {
    make(0, 20);
    {
        SurfaceFile same(world, path, schema, Overwrite::replace);
        EXPECT_TRUE(same.resumed());
        EXPECT_EQ(std::count(same.statuses().begin(), same.statuses().end(), PointStatus::pending), points - 20);
        same.close();
    }
    schema.fingerprints["weights"] = "new";
    SurfaceFile other(world, path, schema, Overwrite::replace);
    EXPECT_FALSE(other.resumed());
    EXPECT_EQ(std::count(other.statuses().begin(), other.statuses().end(), PointStatus::pending), points);
    other.close();
    EXPECT_EQ(read_surface(path).schema.fingerprints.at("weights"), "new");
}

TEST_F(SurfaceFileTest, OverwriteReplacesADamagedFile) {
    if (world.rank() == 0) {
        std::filesystem::create_directories(path.parent_path());
        write_bytes(path, "no HDF5 at all");
    }
    par::barrier(world);
    const auto error = error_of([&] { SurfaceFile(world, path, schema, Overwrite::refuse); });
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_THAT(error.what(), HasSubstr("is not an HDF5 file"));
    SurfaceFile file(world, path, schema, Overwrite::replace);
    EXPECT_FALSE(file.resumed());
    file.close();
}

TEST_F(SurfaceFileTest, ASecondJobIsRefused) {
    SurfaceFile first(world, path, schema, Overwrite::refuse);
    for (const auto overwrite : {Overwrite::refuse, Overwrite::replace}) {
        EXPECT_EQ(error_of([&] { SurfaceFile(world, path, schema, overwrite); }).code(), ExitCode::cannot_create);
    }
    write_points(first, 0, points);
    first.close();
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
}

TEST_F(SurfaceFileTest, AReaderMayLookWhileRanksWrite) {
    SurfaceFile file(world, path, schema, Overwrite::refuse);
    write_points(file, 0, 18);
    file.sync();
    par::barrier(world);
    EXPECT_EQ(expect_values(read_surface(path), 0, 18), points * synthetic::field_count);
    par::barrier(world);
    write_points(file, 18, points);
    file.close();
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
}

TEST_F(SurfaceFileTest, UnwritablePlacesAreRefused) {
    if (world.rank() == 0) {
        write_bytes(folder / "file", "x");
        std::filesystem::create_directory(folder / "folder.h5");
    }
    par::barrier(world);
    for (const auto& place : {folder / "file" / "a.h5", folder / "folder.h5", std::filesystem::path("/proc/orograph/a.h5")}) {
        EXPECT_EQ(error_of([&] { SurfaceFile(world, place, schema, Overwrite::replace); }).code(), ExitCode::cannot_create) << place;
    }
}

// A limit on the file's size fails the writes as a full disk does.
TEST_F(SurfaceFileTest, AFullDiskIsFoundAtCreationAndLeavesNothing) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    for (const rlim_t limit : {0, 100, 3000, 40000, 100000}) {
        const rlimit small{limit, before.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
        const auto wide = synthetic::schema(100, 100);
        const auto error = error_of([&] { SurfaceFile(world, path, wide, Overwrite::refuse); });
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
        EXPECT_EQ(error.code(), ExitCode::io) << limit << ": " << error.what();
        EXPECT_THAT(error.what(), HasSubstr("File too large"));
        par::barrier(world);
        EXPECT_TRUE(std::filesystem::is_empty(folder / "out")) << limit;
        par::barrier(world);
    }
    make(0, points);
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
}

// The rest needs one rank only: the serial driver, no communicator.
class DamageTest : public SurfaceFileTest {
protected:
    void SetUp() override {
        SurfaceFileTest::SetUp();
        if (world.rank() != 0) return;
        SurfaceFile file(alone, path, schema, Overwrite::refuse);
        for (std::int64_t point = 0; point < points; ++point) file.write(PointIndex{point}, record_of(point), status_of(point));
        file.close();
        intact = bytes_of(path);
    }

    // Where the value's bytes are in the file: its field is found by the first five.
    std::size_t place_of(std::int64_t point, int field) const {
        std::string pattern;
        for (int first = 0; first < 5; ++first) {
            const double value = synthetic::value_of(first, field);
            pattern.append(reinterpret_cast<const char*>(&value), sizeof(value));
        }
        const auto start = intact.find(pattern);
        return start == std::string::npos ? start : start + static_cast<std::size_t>(point) * sizeof(double);
    }

    par::Communicator alone;
    std::string intact;
};

TEST_F(DamageTest, CutShortAnywhereIsAnErrorAndNeverACrash) {
    if (world.rank() != 0) return;
    int cuts = 0;
    for (std::size_t size = 0; size < intact.size(); size += 1 + intact.size() / 97, ++cuts) {
        write_bytes(path, intact.substr(0, size));
        EXPECT_EQ(error_of([&] { read_surface(path); }).code(), ExitCode::data) << size;
        EXPECT_EQ(error_of([&] { SurfaceFile(alone, path, schema, Overwrite::refuse); }).code(), ExitCode::data) << size;
    }
    write_bytes(path, intact.substr(0, intact.size() - 1));
    EXPECT_THAT(error_of([&] { read_surface(path); }).what(), HasSubstr("is cut short or damaged (truncated file"));
    EXPECT_GE(cuts, 90);
    write_bytes(path, intact);
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
}

TEST_F(DamageTest, GarbageIsAnError) {
    if (world.rank() != 0) return;
    std::mt19937 random(1);
    for (int trial = 0; trial < 40; ++trial) {
        std::string garbage(200 * trial, '\0');
        for (auto& byte : garbage) byte = static_cast<char>(random());
        if (trial % 2 == 1) garbage.replace(0, 48, intact, 0, 48);  // the superblock
        write_bytes(path, garbage);
        EXPECT_EQ(error_of([&] { read_surface(path); }).code(), ExitCode::data) << trial;
    }
    EXPECT_EQ(error_of([&] { read_surface(folder / "missing.h5"); }).code(), ExitCode::no_input);
    EXPECT_EQ(error_of([&] { read_surface(folder); }).code(), ExitCode::no_input);
}

TEST_F(DamageTest, AFlippedValueIsFoundAndComputedAgain) {
    if (world.rank() != 0) return;
    int found = 0;
    for (const std::int64_t point : {std::int64_t{0}, std::int64_t{17}, points - 1}) {
        for (int field = 0; field < synthetic::field_count; ++field, ++found) {
            auto broken = intact;
            const auto place = place_of(point, field);
            ASSERT_LT(place, broken.size());
            broken[place + 2] = static_cast<char>(broken[place + 2] ^ 1);
            write_bytes(path, broken);
            EXPECT_THAT(read_surface(path).damaged, testing::ElementsAre(PointIndex{point}));
            SurfaceFile file(alone, path, schema, Overwrite::refuse);
            EXPECT_EQ(file.statuses()[point], PointStatus::pending);
            EXPECT_EQ(std::count(file.statuses().begin(), file.statuses().end(), PointStatus::pending), 1);
            file.write(PointIndex{point}, record_of(point), status_of(point));
            file.close();
            EXPECT_TRUE(bytes_of(path) == intact);
        }
    }
    EXPECT_EQ(found, 12);
}

TEST_F(DamageTest, NoFlippedByteCrashesOrGivesAWrongPoint) {
    if (world.rank() != 0) return;
    std::mt19937 random(2);
    int refused = 0, read = 0;
    for (int trial = 0; trial < 600; ++trial) {
        auto broken = intact;
        broken[random() % broken.size()] ^= static_cast<char>(1U << (random() % 8));
        write_bytes(path, broken);
        std::optional<Surface> surface;
        try {
            surface = read_surface(path);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::data) << error.what();
            ++refused;
            continue;
        }
        ++read;
        for (std::int64_t point = 0; point < points; ++point) {
            if (surface->statuses[point] == PointStatus::pending) continue;
            if (std::count(surface->damaged.begin(), surface->damaged.end(), PointIndex{point}) > 0) continue;
            EXPECT_EQ(surface->statuses[point], status_of(point));
            for (int field = 0; field < synthetic::field_count; ++field) {
                EXPECT_TRUE(same_bits(surface->values[field][point], synthetic::value_of(point, field))) << trial;
            }
        }
    }
    EXPECT_EQ(refused + read, 600);
    EXPECT_GT(refused, 50);
    EXPECT_GT(read, 50);
}

}  // namespace
}  // namespace orograph::survey
