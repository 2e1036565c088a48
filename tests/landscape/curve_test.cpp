#include "orograph/landscape/curve.hpp"

#include "fixtures.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

namespace orograph::landscape {
namespace {

using testing::lively_weights;

double binomial(int n, int k) {
    return std::round(std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1)));
}

TEST(CurveCoefficients, AreBernsteinPolynomials) {
    int compared = 0;
    for (const int bends : {2, 3, 4, 5, 9})
        for (const double t : {0.0, 0.1, 1.0 / 3, 0.5, 0.77, 1.0}) {
            const auto values = curve_coefficients(CurveKind::bezier, bends, t);
            ASSERT_EQ(values.size(), bends);
            for (int j = 0; j < bends; ++j, ++compared)
                EXPECT_NEAR(values[j], binomial(bends - 1, j) * std::pow(t, j) * std::pow(1 - t, bends - 1 - j), 1e-14);
        }
    EXPECT_EQ(compared, 6 * (2 + 3 + 4 + 5 + 9));
}

TEST(CurveCoefficients, OfAPolygonalChainAreHats) {
    EXPECT_EQ(curve_coefficients(CurveKind::polychain, 3, 0.25), (std::vector{0.5, 0.5, 0.0}));
    EXPECT_EQ(curve_coefficients(CurveKind::polychain, 3, 0.5), (std::vector{0.0, 1.0, 0.0}));
    EXPECT_EQ(curve_coefficients(CurveKind::polychain, 5, 0.875), (std::vector{0.0, 0.0, 0.0, 0.5, 0.5}));
    EXPECT_EQ(curve_coefficients(CurveKind::polychain, 2, 0.375), (std::vector{0.625, 0.375}));
}

TEST(CurveCoefficients, AreExactAtTheEndsAndAddUpToOne) {
    for (const auto kind : {CurveKind::bezier, CurveKind::polychain})
        for (const int bends : {2, 3, 6}) {
            std::vector<double> first(bends, 0), last(bends, 0);
            first.front() = last.back() = 1;
            EXPECT_EQ(curve_coefficients(kind, bends, 0), first);
            EXPECT_EQ(curve_coefficients(kind, bends, 1), last);
            const auto middle = curve_coefficients(kind, bends, 0.3);
            EXPECT_NEAR(std::accumulate(middle.begin(), middle.end(), 0.0), 1, 1e-15);
        }
}

TEST(Curve, IsTheSumOfItsBendsAndExactAtTheEnds) {
    const auto network = model::build_network("lenet5", 1, 10);
    const std::vector<model::Weights> bends{lively_weights(network, 1), lively_weights(network, 2), lively_weights(network, 3)};
    for (const auto kind : {CurveKind::bezier, CurveKind::polychain}) {
        Curve curve(kind, bends, at::kCPU);
        EXPECT_TRUE(at::equal(curve.at(std::array{0.0}).parameters, bends[0].parameters));
        EXPECT_TRUE(at::equal(curve.at(std::array{1.0}).parameters, bends[2].parameters));
        const auto c = curve_coefficients(kind, 3, 0.3);
        at::Tensor sum = at::zeros_like(bends[0].parameters, at::kDouble);
        for (int j = 0; j < 3; ++j) sum += c[j] * bends[j].parameters.to(at::kDouble);
        const at::Tensor error = (curve.at(std::array{0.3}).parameters.to(at::kDouble) - sum).abs().max();
        EXPECT_LT(error.item<double>(), 1e-6);
    }
}

TEST(Curve, KnowsItsWords) {
    for (const auto kind : {CurveKind::bezier, CurveKind::polychain}) EXPECT_EQ(curve_kind_from(to_string(kind)), kind);
    EXPECT_EQ(testing::error_of([] { curve_kind_from("spline"); }).first, ExitCode::config);
}

}  // namespace
}  // namespace orograph::landscape
