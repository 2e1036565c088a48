#pragma once

#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/survey/surface_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

// A surface whose every value is known from its point's number, for the tests in this folder; surface_file_readers.py has the same
// formulas.
namespace orograph::survey::synthetic {

inline constexpr int field_count = 4;

inline PointStatus status_of(std::int64_t point) {
    if (point % 13 == 5 || point % 13 == 6) return PointStatus::non_finite;
    return point % 13 == 7 ? PointStatus::failed : PointStatus::done;
}

inline double value_of(std::int64_t point, int field) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    if (point % 13 == 7 || (point % 13 == 5 && field == 0)) return nan;
    if (point % 13 == 6 && field == 0) return std::numeric_limits<double>::infinity();
    return (field + 1) * (static_cast<double>(point) - 11.5) / 7.0;
}

inline std::vector<double> record_of(std::int64_t point) {
    std::vector<double> record;
    for (int field = 0; field < field_count; ++field) record.push_back(value_of(point, field));
    return record;
}

inline std::vector<double> spread(double first, double last, int count) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) values.push_back(first + (last - first) * i / std::max(1, count - 1));
    return values;
}

// ny = 0: a line.
inline SurfaceSchema schema(int nx, int ny) {
    std::vector<Axis> axes{{"x", spread(-1.0, 1.0, nx)}};
    if (ny > 0) axes.push_back({"y", spread(-0.5, 0.25, ny)});
    SurfaceSchema out{"Loss surface of a test", Grid(std::move(axes)), {}, {}, {}, {}};
    out.fields = {{"train_loss", "mean cross-entropy on train", "nat"},
                  {"train_acc", "accuracy on train", "percent"},
                  {"test_loss", "mean cross-entropy on test", "nat"},
                  {"test_acc", "accuracy on test", "percent"}};
    for (const char* axis : {"x", "y"}) {
        StoredDirection direction{
            axis, {{"kind", "random"}, {"seed", "17"}, {"normalize", "filter"}, {"ignore", "biasbn"}, {"space", "parameters"}}, {}};
        direction.tensors.push_back({"conv1.weight", {2, 3, 1, 1}, {0.5F, -1.0F, 2.0F, 0.25F, 3.0F, -4.5F}});
        direction.tensors.push_back({"bn1.num_batches_tracked", {}, {7.0F}});
        direction.tensors.push_back({"a.bias", {3}, {1.5F, 0.0F, -0.125F}});  // after conv1: parameter order is not the alphabet's
        out.directions.push_back(direction);
    }
    if (ny == 0) out.directions.pop_back();
    out.fingerprints = {{"weights", "00112233"}, {"data", "44556677"}, {"loss", "cross_entropy"}, {"direction x", "8899aabb"}};
    out.provenance = {
        {"program", "orograph"}, {"ranks", "2"}, {"note", ""}, {"configuration", "job: surface\n" + std::string(3000, '#') + "\n"}};
    return out;
}

inline bool same_bits(double a, double b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

// Points [first, last) are computed and have their values, the others are pending and NaN. Returns the number of values compared.
inline std::int64_t expect_values(const Surface& surface, std::int64_t first, std::int64_t last) {
    std::int64_t compared = 0;
    for (std::int64_t point = 0; point < surface.schema.grid.size(); ++point) {
        const bool computed = point >= first && point < last;
        EXPECT_EQ(surface.statuses[point], computed ? status_of(point) : PointStatus::pending) << point;
        for (int field = 0; field < field_count; ++field, ++compared) {
            const double value = surface.values[field][point];
            EXPECT_TRUE(computed ? same_bits(value, value_of(point, field)) : std::isnan(value)) << point << " " << field;
        }
    }
    return compared;
}

inline std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A fresh folder that all ranks know; rank 0 removes it at the end of the test.
class FolderTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name;
        if (world.rank() == 0) {
            std::string pattern = (std::filesystem::temp_directory_path() / "orograph-XXXXXX").string();
            ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
            name = pattern;
        }
        par::broadcast(world, name, 0);
        folder = name;
    }
    void TearDown() override {
        par::barrier(world);
        if (world.rank() == 0) std::filesystem::remove_all(folder);
    }

    par::Communicator world = par::Communicator::world();
    std::filesystem::path folder;
};

// Collective over comm. By point: whether it had no result when `file` was opened, on every rank.
inline std::vector<std::byte> pending_of(const SurfaceFile& file, const par::Communicator& comm, std::int64_t points) {
    std::vector<std::byte> pending(static_cast<std::size_t>(points));
    for (const auto& range : file.inventory().pending)
        std::fill(pending.begin() + range.first, pending.begin() + range.last, std::byte{1});
    par::broadcast(comm, std::span(pending), 0);
    return pending;
}

// The Error that `action` throws; fails the test where it throws none.
template <class Action>
Error error_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no Error was thrown";
    return {ExitCode::done, ""};
}

}  // namespace orograph::survey::synthetic
