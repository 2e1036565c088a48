#include "orograph/landscape/plane.hpp"

#include "fixtures.hpp"

#include "orograph/landscape/curve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace orograph::landscape {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::lively_weights;

at::Tensor wide(const model::Weights& weights) {
    return weights.parameters.to(at::kDouble);
}

class PlaneTest : public ::testing::Test {
protected:
    Plane make() const { return plane_through(w0_, w1_, w2_, x_, y_); }

    model::Network network_ = model::build_network("resnet20", 1, 10);
    model::Weights w0_ = lively_weights(network_, 1), w1_ = lively_weights(network_, 2), w2_ = lively_weights(network_, 3);
    DirectionSpec x_{.kind = DirectionKind::plane, .weights = "end.safetensors"};
    DirectionSpec y_{.kind = DirectionKind::plane, .weights = "bend.safetensors"};
};

TEST_F(PlaneTest, HasUnitVectorsAtRightAngles) {
    const Plane plane = make();
    const at::Tensor u = wide(plane.u.delta), v = wide(plane.v.delta);
    EXPECT_NEAR(u.norm().item<double>(), 1, 1e-7);
    EXPECT_NEAR(v.norm().item<double>(), 1, 1e-7);
    EXPECT_NEAR(u.dot(v).item<double>(), 0, 1e-7);
    EXPECT_EQ(plane.u.delta.states.count_nonzero().item<int>(), 0);
    EXPECT_EQ(plane.v.spec.weights, "bend.safetensors");
}

TEST_F(PlaneTest, GoesThroughItsPoints) {
    const Plane plane = make();
    const double width = (wide(w2_) - wide(w0_)).norm().item<double>(), reach = (wide(w1_) - wide(w0_)).norm().item<double>();
    EXPECT_NEAR(plane.width, width, 1e-9 * width);
    EXPECT_NEAR(std::hypot(plane.shift, plane.height), reach, 1e-9 * reach);
    EXPECT_GT(plane.height, 0.1 * width);
    const at::Tensor u = wide(plane.u.delta), v = wide(plane.v.delta);
    const auto error = [&](double x, double y, const model::Weights& point) {
        return (wide(w0_) + x * u + y * v - wide(point)).abs().max().item<double>();
    };
    EXPECT_LT(error(plane.width, 0, w2_), 1e-6);
    EXPECT_LT(error(plane.shift, plane.height, w1_), 1e-6);
}

TEST_F(PlaneTest, ProjectsWeights) {
    const Plane plane = make();
    const auto near = [](std::array<double, 2> place, double x, double y) { return std::hypot(place[0] - x, place[1] - y) < 1e-5; };
    EXPECT_TRUE(near(place_in(plane, w0_, w0_), 0, 0));
    EXPECT_TRUE(near(place_in(plane, w0_, w2_), plane.width, 0));
    EXPECT_TRUE(near(place_in(plane, w0_, w1_), plane.shift, plane.height));
    Curve curve(CurveKind::bezier, {w0_, w1_, w2_}, at::kCPU);
    const double x = 0.25 * plane.width + 0.5 * plane.shift, y = 0.5 * plane.height;
    EXPECT_TRUE(near(place_in(plane, w0_, curve.at(std::array{0.5})), x, y));
}

TEST_F(PlaneTest, RefusesPointsOnALine) {
    w1_.parameters = 0.3 * w0_.parameters + 0.7 * w2_.parameters;
    auto [code, message] = error_of([&] { make(); });
    EXPECT_EQ(code, ExitCode::config);
    EXPECT_THAT(message, HasSubstr("bend.safetensors lies on the line"));
    w1_ = w0_;
    EXPECT_EQ(error_of([&] { make(); }).first, ExitCode::config);
    w2_ = w0_;
    EXPECT_THAT(error_of([&] { make(); }).second, HasSubstr("end.safetensors has the weights of the plane's first point"));
}

}  // namespace
}  // namespace orograph::landscape
