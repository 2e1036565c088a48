#include "orograph/survey/grid.hpp"

#include "orograph/core/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

using namespace orograph;
using namespace orograph::survey;

namespace {

ExitCode code_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        return error.code();
    }
    return ExitCode::done;
}

TEST(LinearAxis, HitsBothEndsExactlyAndIsEquallySpaced) {
    const struct {
        double first, last;
        std::int64_t count;
    } cases[] = {{-1, 1, 51}, {-1, 1, 2}, {0.1, 0.7, 7}, {1.5, -0.5, 41}, {-1e-300, 1e300, 11}, {0.3, 0.3, 4}, {1.0 / 3, 2.0 / 3, 1000}};
    int compared = 0;
    for (const auto& [first, last, count] : cases) {
        const auto axis = linear_axis("x", first, last, count);
        ASSERT_EQ(axis.coordinates.size(), static_cast<std::size_t>(count));
        EXPECT_EQ(axis.coordinates.front(), first);
        EXPECT_EQ(axis.coordinates.back(), last);
        for (std::int64_t i = 0; i < count; ++i, ++compared) {
            const long double exact = first + (static_cast<long double>(last) - first) * i / (count - 1);
            EXPECT_NEAR(axis.coordinates[i], exact, 4e-16 * std::max(std::abs(first), std::abs(last)));
        }
    }
    EXPECT_EQ(compared, 51 + 2 + 7 + 41 + 11 + 4 + 1000);
}

TEST(LinearAxis, SymmetricAxesAreMirroredExactly) {
    const auto c = linear_axis("x", -0.7, 0.7, 51).coordinates;
    for (int i = 0; i < 51; ++i) EXPECT_EQ(c[i], -c[50 - i]);
    EXPECT_EQ(c[25], 0.0);
}

TEST(LinearAxis, OnePointIsTheFirst) {
    const auto axis = linear_axis("y", 0.25, 7, 1);
    EXPECT_EQ(axis.name, "y");
    EXPECT_EQ(axis.coordinates, std::vector<double>{0.25});
}

TEST(LinearAxis, RefusesWhatIsNoAxis) {
    const double inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(code_of([] { linear_axis("x", 0, 1, 0); }), ExitCode::config);
    EXPECT_EQ(code_of([] { linear_axis("x", 0, 1, -3); }), ExitCode::config);
    EXPECT_EQ(code_of([] { linear_axis("x", std::nan(""), 1, 3); }), ExitCode::config);
    EXPECT_EQ(code_of([=] { linear_axis("x", 0, inf, 3); }), ExitCode::config);
    EXPECT_EQ(code_of([] { linear_axis("x", -1.7e308, 1.7e308, 51); }), ExitCode::config);
}

TEST(Grid, NumbersPointsRowMajorWithTheLastAxisFastest) {
    const Grid grid({{"x", {1, 2, 3}}, {"y", {10, 20}}, {"z", {100, 200, 300, 400}}});
    ASSERT_EQ(grid.size(), 24);
    std::int64_t point = 0;
    for (const double x : {1, 2, 3}) {
        for (const double y : {10, 20}) {
            for (const double z : {100, 200, 300, 400}) EXPECT_EQ(grid.coordinates(PointIndex{point++}), (std::vector<double>{x, y, z}));
        }
    }
    EXPECT_EQ(point, grid.size());
}

TEST(Grid, RefusesEmptyAndUncountableGrids) {
    EXPECT_EQ(code_of([] { Grid({}); }), ExitCode::config);
    EXPECT_EQ(code_of([] { Grid({{"x", {1}}, {"y", {}}}); }), ExitCode::config);
    const Axis big{"x", std::vector<double>(1 << 16)};
    EXPECT_EQ(code_of([&] { Grid({big, big, big, big}); }), ExitCode::config);
}

}  // namespace
