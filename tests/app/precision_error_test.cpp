#include "precision_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace orograph::app {
namespace {

using testing::ElementsAre;

const std::vector<landscape::Field> fields{{"test_loss", "", "nat"}, {"test_acc", "", "percent"}};
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<std::vector<double>> places(const survey::Grid& grid) {
    std::vector<std::vector<double>> result;
    for (const auto point : sample_points(grid)) result.push_back(grid.coordinates(point));
    return result;
}

survey::Grid plane(double first, double last, std::int64_t columns, std::int64_t rows) {
    return survey::Grid({survey::linear_axis("x", first, last, columns), survey::linear_axis("y", first, last, rows)});
}

// The error over records {loss, accuracy} of fp32 and of another precision.
PrecisionError error_of(const std::vector<std::pair<std::vector<double>, std::vector<double>>>& records) {
    PrecisionError error{.loss = nan, .accuracy = nan};
    for (const auto& [exact, other] : records) add_point(error, fields, exact, other);
    return error;
}

TEST(SamplePoints, AreTheCornersTheEdgesAndTheCentreOfAPlane) {
    EXPECT_THAT(places(plane(-1, 2, 4, 7)),
                ElementsAre(ElementsAre(-1, -1), ElementsAre(-1, 0), ElementsAre(-1, 2), ElementsAre(0, -1), ElementsAre(0, 0),
                            ElementsAre(0, 2), ElementsAre(2, -1), ElementsAre(2, 0), ElementsAre(2, 2)));
}

TEST(SamplePoints, AreDifferentOnesInSmallGrids) {
    EXPECT_THAT(places(plane(0, 1, 1, 1)), ElementsAre(ElementsAre(0, 0)));
    EXPECT_THAT(places(plane(0, 1, 2, 1)), ElementsAre(ElementsAre(0, 0), ElementsAre(1, 0)));
    EXPECT_EQ(places(plane(1, 3, 50, 50)).size(), 4U);  // the nearest to the centre is a corner
}

TEST(SamplePoints, OfALineAreFive) {
    const survey::Grid line({survey::linear_axis("x", -4, 4, 9)});
    EXPECT_THAT(places(line), ElementsAre(ElementsAre(-4), ElementsAre(-2), ElementsAre(0), ElementsAre(2), ElementsAre(4)));
}

TEST(PrecisionError, IsTheLargest) {
    const auto error = error_of({{{2, 50}, {2.1, 50}}, {{4, 60}, {3.6, 62.5}}, {{1000, 10}, {1000, 9}}});
    EXPECT_DOUBLE_EQ(error.loss, 0.1);
    EXPECT_DOUBLE_EQ(error.accuracy, 2.5);
}

TEST(PrecisionError, IsInfiniteWhereTheLossIsLost) {
    EXPECT_EQ(error_of({{{2, 50}, {2, 50}}, {{2, 50}, {nan, 10}}}).loss, infinity);
    EXPECT_EQ(error_of({{{2, 50}, {infinity, 10}}, {{2, 50}, {2, 50}}}).loss, infinity);
    EXPECT_EQ(error_of({{{0, 50}, {0.1, 50}}}).loss, infinity);
    EXPECT_EQ(error_of({{{0, 50}, {0, 50}}}).loss, 0);
}

TEST(PrecisionError, LeavesOutWhereFp32HasNoLossEither) {
    EXPECT_DOUBLE_EQ(error_of({{{nan, 10}, {nan, 10}}, {{2, 50}, {2.5, 50}}, {{infinity, 10}, {3, 10}}}).loss, 0.25);
    EXPECT_TRUE(std::isnan(error_of({{{nan, 10}, {nan, 10}}}).loss));
}

TEST(PrecisionError, IsStoredAsText) {
    const PrecisionError error{.points = {{-1, 0.5}, {0, 0}}, .images = "train 8, test 4", .loss = 0.125, .accuracy = 12.5};
    EXPECT_THAT(provenance_of(error),
                ElementsAre(std::pair("precision_error_accuracy_percent", "12.5"), std::pair("precision_error_images", "train 8, test 4"),
                            std::pair("precision_error_loss_relative", "0.125"), std::pair("precision_error_points", "(-1, 0.5), (0, 0)")));
}

}  // namespace
}  // namespace orograph::app
