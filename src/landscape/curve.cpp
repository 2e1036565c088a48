#include "orograph/landscape/curve.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::landscape {

namespace {

// De Casteljau's scheme on the unit vectors: exact at both ends, and stable for any number of bends.
std::vector<double> bernstein(int bends, double t) {
    std::vector<double> values{1};
    for (int degree = 1; degree < bends; ++degree) {
        values.push_back(0);
        for (std::size_t j = values.size(); j-- > 1;) values[j] = (1 - t) * values[j] + t * values[j - 1];
        values[0] *= 1 - t;
    }
    return values;
}

std::vector<double> hats(int bends, double t) {
    std::vector<double> values;
    for (int j = 0; j < bends; ++j) values.push_back(std::max(0.0, 1 - std::abs(t * (bends - 1) - j)));
    return values;
}

evaluate::AffineSpace space_of(const std::vector<model::Weights>& bends, at::Device device) {
    evaluate::AffineSpace space{bends.front().to(device)};
    space.centre.parameters = at::zeros_like(space.centre.parameters);
    for (const model::Weights& bend : bends) space.directions.push_back({bend.to(device), false});
    return space;
}

}  // namespace

std::vector<double> curve_coefficients(CurveKind kind, int bends, double t) {
    OROGRAPH_EXPECT(bends >= 2 && t >= 0 && t <= 1);
    return kind == CurveKind::bezier ? bernstein(bends, t) : hats(bends, t);
}

CurveKind curve_kind_from(const std::string& word) {
    if (word == "bezier") return CurveKind::bezier;
    if (word == "polychain") return CurveKind::polychain;
    throw Error(ExitCode::config, cat("'", word, "' is no kind of curve; allowed: bezier, polychain"));
}

const char* to_string(CurveKind kind) {
    return kind == CurveKind::bezier ? "bezier" : "polychain";
}

Curve::Curve(CurveKind kind, const std::vector<model::Weights>& bends, at::Device device)
    : kind_(kind), weights_(space_of(bends, device)) {}

std::vector<double> Curve::coefficients(std::span<const double> coordinates) const {
    return curve_coefficients(kind_, static_cast<int>(weights_.space().directions.size()), coordinates[0]);
}

}  // namespace orograph::landscape
