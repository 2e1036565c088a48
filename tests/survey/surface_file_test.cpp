#include "synthetic_surface.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/h5/file.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

namespace orograph::survey {
namespace {

using synthetic::bytes_of;
using synthetic::error_of;
using synthetic::expect_values;
using synthetic::record_of;
using synthetic::status_of;
using synthetic::write_bytes;
using testing::HasSubstr;

constexpr int nx = 7, ny = 5;
constexpr std::int64_t points = nx * ny;

class SurfaceFileTest : public synthetic::FolderTest {
protected:
    void SetUp() override {
        FolderTest::SetUp();
        path = folder / "out" / "a.h5";
    }

    // Collective. Points [first, last) whose status is pending, each by one rank.
    void write_points(SurfaceFile& file, std::int64_t first, std::int64_t last) const {
        const auto pending = synthetic::pending_of(file, world, points);
        for (std::int64_t point = first; point < last; ++point) {
            if (point % world.size() != world.rank() || pending[point] == std::byte{0}) continue;
            file.write(PointIndex{point}, record_of(point), status_of(point));
        }
    }

    // Collective.
    void make(std::int64_t first, std::int64_t last) const {
        SurfaceFile file(world, path, schema, Overwrite::refuse);
        write_points(file, first, last);
        file.close();
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
    par::barrier(world);  // rank 0 has returned, and with that released the lock
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
    EXPECT_EQ(file.inventory().pending_points, points - 12);
    EXPECT_EQ(file.inventory().failed_points, 1);
    EXPECT_EQ(file.inventory().non_finite_points, 2);
    const auto pending = synthetic::pending_of(file, world, points);
    for (std::int64_t point = 0; point < points; ++point) EXPECT_EQ(pending[point], std::byte{point >= 12});
    if (world.rank() == 0) {
        ASSERT_EQ(file.inventory().failed.size(), 1U);
        EXPECT_EQ(file.inventory().failed[0].first, 7);
        EXPECT_EQ(file.inventory().failed[0].last, 8);
    }
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
    par::barrier(world);  // rank 0 has returned, and with that released the lock
    EXPECT_FALSE(std::filesystem::exists(path.string() + ".lock"));
}

TEST_F(SurfaceFileTest, OverwriteReplacesAnotherFileButGoesOnWithItsOwn) {
    make(0, 20);
    {
        SurfaceFile same(world, path, schema, Overwrite::replace);
        EXPECT_TRUE(same.resumed());
        EXPECT_EQ(same.inventory().pending_points, points - 20);
        same.close();
    }
    schema.fingerprints["weights"] = "new";
    SurfaceFile other(world, path, schema, Overwrite::replace);
    EXPECT_FALSE(other.resumed());
    EXPECT_EQ(other.inventory().pending_points, points);
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

TEST_F(SurfaceFileTest, NumbersOfAFieldAreAddedToACompleteFile) {
    make(0, points);
    par::barrier(world);
    if (world.rank() != 0) return;
    const auto before = read_surface(path);
    const std::vector<FieldAttributes> numbers{{"train_loss", {{"min", 0.25}, {"int", 2}}}, {"test_acc", {{"max", 7}}}};
    {
        const FileLock held(path);
        EXPECT_EQ(error_of([&] { add_field_attributes(path, numbers); }).code(), ExitCode::cannot_create);
    }
    write_bytes(folder / "out" / ".a.h5.creating", "torn by a kill");
    add_field_attributes(path, numbers);
    {
        const auto file = h5::File::open(path);
        EXPECT_TRUE(file.root().open_dataset("train_loss", h5::Type::float64).has_attribute("int"));
        EXPECT_TRUE(file.root().open_dataset("test_acc", h5::Type::float64).has_attribute("max"));
        EXPECT_FALSE(file.root().open_dataset("test_acc", h5::Type::float64).has_attribute("min"));
    }
    const auto surface = read_surface(path);
    EXPECT_EQ(expect_values(surface, 0, points), points * synthetic::field_count);
    EXPECT_EQ(surface.crcs, before.crcs);
    EXPECT_EQ(surface.schema.provenance, before.schema.provenance);
    const auto bytes = bytes_of(path);
    add_field_attributes(path, numbers);
    EXPECT_EQ(bytes_of(path), bytes);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "out"), {}), 1);
}

TEST_F(SurfaceFileTest, NumbersOfAFieldAreRefusedWhereTheFileIsNone) {
    if (world.rank() != 0) return;
    const std::vector<FieldAttributes> numbers{{"train_loss", {{"min", 0.25}}}};
    EXPECT_EQ(error_of([&] { add_field_attributes(folder / "nowhere.h5", numbers); }).code(), ExitCode::no_input);
    write_bytes(folder / "text.h5", "no HDF5");
    EXPECT_EQ(error_of([&] { add_field_attributes(folder / "text.h5", numbers); }).code(), ExitCode::data);
    EXPECT_EQ(bytes_of(folder / "text.h5"), "no HDF5");
}

// Other axes than those of planes and lines have their own names, and there is room for numbers beside the grid.
TEST_F(SurfaceFileTest, HasAxesOfAnyNameAndNumbersBeside) {
    schema.grid = Grid({{"t", synthetic::spread(0, 1, static_cast<int>(points))}});
    schema.arrays = {{"plane", "points", "three places", {3, 2}, {0, 0, 1, 0, 0.5, 2}}, {"plane", "more", "", {1}, {4}}};
    make(0, points);
    par::barrier(world);
    const auto file = h5::File::open(path);
    EXPECT_EQ(file.root().open_dataset("t", h5::Type::float64).read<double>(), schema.grid.axes()[0].coordinates);
    EXPECT_FALSE(file.root().has("tcoordinates"));
    const auto stored = file.root().open_group("plane").open_dataset("points", h5::Type::float64);
    EXPECT_EQ(stored.shape(), schema.arrays[0].shape);
    EXPECT_EQ(stored.read<double>(), schema.arrays[0].values);
    EXPECT_EQ(read_surface(path).schema.grid.axes()[0].name, "t");
    par::barrier(world);
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

// By an oracle of its own: the size that the file has then.
TEST_F(SurfaceFileTest, FileBytesAreThoseOfTheFile) {
    const auto wide = synthetic::schema(300, 200);
    SurfaceFile(world, path, wide, Overwrite::refuse).close();
    const auto bytes = static_cast<double>(std::filesystem::file_size(path));
    EXPECT_LE(file_bytes(wide), bytes);
    EXPECT_GE(file_bytes(wide), bytes - 40'000);
    EXPECT_GT(file_bytes(wide), 300 * 200 * 37);
}

TEST_F(SurfaceFileTest, MoreThanTheDiskHasIsRefusedBeforeAnythingIsWritten) {
    const auto vast = synthetic::schema(3'000'000, 1'000'000);
    const auto error = error_of([&] { SurfaceFile(world, path, vast, Overwrite::refuse); });
    EXPECT_EQ(error.code(), ExitCode::io);
    EXPECT_THAT(error.what(), HasSubstr("3000000000000 points takes 101.0 TiB"));
    EXPECT_THAT(error.what(), HasSubstr("iB left; free some space there"));
    par::barrier(world);
    EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
    par::barrier(world);
    make(0, points);
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
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

}  // namespace
}  // namespace orograph::survey
