#include "synthetic_surface.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <random>

// Surface files that somebody cut, overwrote or bent, read and opened by one process without MPI.
namespace orograph::survey {
namespace {

using synthetic::bytes_of;
using synthetic::error_of;
using synthetic::expect_values;
using synthetic::record_of;
using synthetic::same_bits;
using synthetic::status_of;
using synthetic::write_bytes;
using testing::HasSubstr;

constexpr int nx = 7, ny = 5;
constexpr std::int64_t points = nx * ny;

class SurfaceDamageTest : public synthetic::FolderTest {
protected:
    void SetUp() override {
        FolderTest::SetUp();
        path = folder / "a.h5";
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

    // Every point that the reader vouches for has its values.
    static void expect_intact_points(const Surface& surface, int trial) {
        for (std::int64_t point = 0; point < points; ++point) {
            if (surface.statuses[point] == PointStatus::pending) continue;
            if (std::count(surface.damaged.begin(), surface.damaged.end(), PointIndex{point}) > 0) continue;
            EXPECT_EQ(surface.statuses[point], status_of(point));
            for (int field = 0; field < synthetic::field_count; ++field) {
                EXPECT_TRUE(same_bits(surface.values[field][point], synthetic::value_of(point, field))) << trial;
            }
        }
    }

    std::filesystem::path path;
    SurfaceSchema schema = synthetic::schema(nx, ny);
    par::Communicator alone;
    std::string intact;
};

TEST_F(SurfaceDamageTest, CutShortAnywhereIsAnErrorAndNeverACrash) {
    int cuts = 0;
    for (std::size_t size = 0; size < intact.size(); size += 1 + intact.size() / 211, ++cuts) {
        write_bytes(path, intact.substr(0, size));
        EXPECT_EQ(error_of([&] { read_surface(path); }).code(), ExitCode::data) << size;
        EXPECT_EQ(error_of([&] { SurfaceFile(alone, path, schema, Overwrite::refuse); }).code(), ExitCode::data) << size;
    }
    write_bytes(path, intact.substr(0, intact.size() - 1));
    EXPECT_THAT(error_of([&] { read_surface(path); }).what(), HasSubstr("is cut short or damaged (truncated file"));
    EXPECT_GE(cuts, 200);
    write_bytes(path, intact);
    EXPECT_EQ(expect_values(read_surface(path), 0, points), points * synthetic::field_count);
}

TEST_F(SurfaceDamageTest, GarbageIsAnError) {
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

TEST_F(SurfaceDamageTest, AFlippedValueIsFoundAndComputedAgain) {
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
            ASSERT_EQ(file.inventory().pending_points, 1);
            EXPECT_EQ(file.inventory().pending.at(0).first, point);
            file.write(PointIndex{point}, record_of(point), status_of(point));
            file.close();
            EXPECT_TRUE(bytes_of(path) == intact);
        }
    }
    EXPECT_EQ(found, 12);
}

TEST_F(SurfaceDamageTest, NoFlippedByteCrashesOrGivesAWrongPoint) {
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
        expect_intact_points(*surface, trial);
    }
    EXPECT_EQ(refused + read, 600);
    EXPECT_GT(refused, 50);
    EXPECT_GT(read, 50);
}

}  // namespace
}  // namespace orograph::survey
