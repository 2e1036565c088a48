#include "orograph/survey/direction_file.hpp"

#include "synthetic_surface.hpp"

#include "orograph/core/error.hpp"

#include <gmock/gmock.h>
#include <hdf5.h>

#include <fstream>
#include <functional>

namespace orograph::survey {
namespace {

using synthetic::error_of;
using testing::HasSubstr;

class DirectionFileTest : public synthetic::FolderTest {
protected:
    void SetUp() override {
        FolderTest::SetUp();
        path = folder / "directions.h5";
    }

    // A file made with the library itself, as somebody else's program would; `fill` gets the group xdirection.
    void make_foreign(const std::function<void(hid_t)>& fill) const {
        const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        const hid_t group = H5Gcreate2(file, "xdirection", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        fill(group);
        H5Gclose(group);
        ASSERT_GE(H5Fclose(file), 0);
    }

    void expect_refused(const std::string& words) const {
        const auto error = error_of([&] { read_direction_file(path, "xdirection"); });
        EXPECT_EQ(error.code(), ExitCode::data);
        EXPECT_THAT(error.what(), HasSubstr(words));
        EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }

    std::filesystem::path path;
};

void put(hid_t group, const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* values, hid_t creation = H5P_DEFAULT) {
    const hid_t space = shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (values != nullptr) H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Sclose(space);
}

void put_floats(hid_t group, const char* name, const std::vector<hsize_t>& shape, const std::vector<float>& values) {
    put(group, name, H5T_IEEE_F32LE, shape, values.data());
}

TEST_F(DirectionFileTest, WhatIsWrittenIsReadBack) {
    std::vector<StoredTensor> x, y;
    for (int number = 0; number < 12; ++number)
        x.push_back({cat("layer", number), {2, number + 1}, std::vector<float>(2 * (number + 1), 0.5F * number)});
    y.push_back({"scalar", {}, {3.25F}});
    y.push_back({"vector", {3}, {1.0F, -2.0F, 1e-40F}});
    write_direction_file(path, {{"xdirection", x}, {"ydirection", y}});
    const auto read_x = read_direction_file(path, "xdirection"), read_y = read_direction_file(path, "ydirection");
    ASSERT_EQ(read_x.size(), 12U);
    ASSERT_EQ(read_y.size(), 2U);
    for (std::size_t number = 0; number < 12; ++number) {
        EXPECT_EQ(read_x[number].name, std::to_string(number));
        EXPECT_EQ(read_x[number].shape, x[number].shape);
        EXPECT_EQ(read_x[number].values, x[number].values);
    }
    EXPECT_TRUE(read_y[0].shape.empty());
    EXPECT_EQ(read_y[0].values, y[0].values);
    EXPECT_EQ(read_y[1].values, y[1].values);
}

TEST_F(DirectionFileTest, AFileOfAnotherProgramIsReadInNumericOrder) {
    make_foreign([](hid_t group) {
        for (int number = 11; number >= 0; --number) put_floats(group, std::to_string(number).c_str(), {1}, {static_cast<float>(number)});
    });
    const auto tensors = read_direction_file(path, "xdirection");
    ASSERT_EQ(tensors.size(), 12U);
    for (int number = 0; number < 12; ++number) EXPECT_EQ(tensors[number].values[0], static_cast<float>(number));
}

TEST_F(DirectionFileTest, MissingThingsAreNamed) {
    EXPECT_EQ(error_of([&] { read_direction_file(path, "xdirection"); }).code(), ExitCode::no_input);
    make_foreign([](hid_t group) { put_floats(group, "0", {1}, {1.0F}); });
    for (const char* name : {"ydirection", "", ".", "/", "xdirection/0", "../xdirection"}) {
        const auto error = error_of([&] { read_direction_file(path, name); });
        EXPECT_EQ(error.code(), ExitCode::data) << name;
        EXPECT_THAT(error.what(), HasSubstr(cat("has no group '", name, "', only xdirection")));
    }
    make_foreign([](hid_t) {});
    expect_refused("is empty");
    make_foreign([](hid_t group) {
        put_floats(group, "0", {1}, {1.0F});
        put_floats(group, "2", {1}, {1.0F});
    });
    expect_refused("'1' is missing");
}

TEST_F(DirectionFileTest, LinksAreNotFollowed) {
    make_foreign([](hid_t group) {
        put_floats(group, "0", {1}, {1.0F});
        H5Lcreate_soft("/xdirection/0", group, "1", H5P_DEFAULT, H5P_DEFAULT);
    });
    expect_refused("/xdirection/1 is a link to somewhere else");
    const auto secret = folder / "secret.h5";
    std::filesystem::rename(path, secret);
    make_foreign([&](hid_t group) { H5Lcreate_external(secret.c_str(), "/xdirection/0", group, "0", H5P_DEFAULT, H5P_DEFAULT); });
    expect_refused("/xdirection/0 is a link to somewhere else");
}

TEST_F(DirectionFileTest, StorageOutsideTheFileIsRefused) {
    const auto raw = folder / "raw";
    std::ofstream(raw, std::ios::binary) << "12345678";
    make_foreign([&](hid_t group) {
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_external(creation, raw.c_str(), 0, 8);
        put(group, "0", H5T_IEEE_F32LE, {2}, nullptr, creation);
        H5Pclose(creation);
    });
    expect_refused("external storage");
}

TEST_F(DirectionFileTest, ChunkedAndVirtualDataAreRefused) {
    make_foreign([](hid_t group) {
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
        const hsize_t chunk = 1 << 20;
        H5Pset_chunk(creation, 1, &chunk);
        H5Pset_deflate(creation, 9);
        put(group, "0", H5T_IEEE_F32LE, {hsize_t{1} << 20}, nullptr, creation);
        H5Pclose(creation);
    });
    expect_refused("is chunked, compressed or virtual");
    make_foreign([](hid_t group) {
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
        const hsize_t extent = 4;
        const hid_t space = H5Screate_simple(1, &extent, nullptr);
        H5Pset_virtual(creation, space, "elsewhere.h5", "/data", space);
        put(group, "0", H5T_IEEE_F32LE, {extent}, nullptr, creation);
        H5Sclose(space);
        H5Pclose(creation);
    });
    expect_refused("is chunked, compressed or virtual");
}

TEST_F(DirectionFileTest, OtherTypesAreRefused) {
    const std::vector<double> values{1.0, 2.0};
    int refused = 0;
    for (const hid_t type : {H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_I32LE, H5T_STD_U8LE}) {
        make_foreign([&](hid_t group) { put(group, "0", type, {2}, values.data()); });
        expect_refused("/xdirection/0 is not little-endian float32");
        ++refused;
    }
    EXPECT_EQ(refused, 4);
    make_foreign([](hid_t group) { H5Gclose(H5Gcreate2(group, "0", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); });
    expect_refused("/xdirection/0 is not a dataset");
}

TEST_F(DirectionFileTest, ShapesBeyondTheFileAreRefusedBeforeAllocation) {
    const hsize_t huge = hsize_t{1} << 40;
    for (const auto& shape :
         std::vector<std::vector<hsize_t>>{{huge}, {huge, huge}, {hsize_t{1} << 32, hsize_t{1} << 31, 0}, {1000, 1000}}) {
        make_foreign([&](hid_t group) { put(group, "0", H5T_IEEE_F32LE, shape, nullptr); });
        expect_refused("claims more bytes than its file has");
    }
    make_foreign([](hid_t group) { put(group, "0", H5T_IEEE_F32LE, {2}, nullptr); });  // never written, so never stored
    expect_refused("claims 8 bytes that its file does not hold");
}

TEST_F(DirectionFileTest, ManyLinksToOneDatasetAreRefused) {
    make_foreign([](hid_t group) {
        put_floats(group, "0", {5000}, std::vector<float>(5000, 1.0F));
        for (int number = 1; number < 100; ++number)
            H5Lcreate_hard(group, "0", group, std::to_string(number).c_str(), H5P_DEFAULT, H5P_DEFAULT);
    });
    expect_refused("claims more bytes than its file has");
}

TEST_F(DirectionFileTest, LiSurfaceIsTransposedAndMarksWhatIsMissing) {
    const int nx = 4, ny = 3;
    Surface surface{synthetic::schema(nx, ny), {}, {}, {}, {}};
    for (int field = 0; field < synthetic::field_count; ++field) {
        auto& values = surface.values.emplace_back();
        for (int point = 0; point < nx * ny; ++point) values.push_back(synthetic::value_of(point, field));
    }
    for (int point = 0; point < nx * ny; ++point)
        surface.statuses.push_back(point == 1 ? PointStatus::pending : synthetic::status_of(point));
    write_li_surface(path, surface);

    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "test_acc", H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    hsize_t extent[2] = {0, 0};
    ASSERT_EQ(H5Sget_simple_extent_dims(space, extent, nullptr), 2);
    EXPECT_EQ(extent[0], hsize_t{ny});
    EXPECT_EQ(extent[1], hsize_t{nx});
    std::vector<double> values(nx * ny);
    ASSERT_GE(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    for (int i = 0; i < nx; ++i) {
        for (int j = 0; j < ny; ++j) {
            const int point = i * ny + j;
            const bool missing = point == 1 || synthetic::status_of(point) == PointStatus::failed;
            EXPECT_EQ(values[j * nx + i], missing ? -1.0 : synthetic::value_of(point, 3)) << i << " " << j;
        }
    }
    EXPECT_GT(H5Lexists(file, "xcoordinates", H5P_DEFAULT), 0);
    EXPECT_GT(H5Lexists(file, "ycoordinates", H5P_DEFAULT), 0);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
}

}  // namespace
}  // namespace orograph::survey
