#pragma once

#include "orograph/landscape/parametrisation.hpp"

#include <string>
#include <vector>

namespace orograph::landscape {

// Garipov et al. 2018, sec. 3.2. bezier: phi(t) = sum_j C(n-1, j) t^j (1-t)^(n-1-j) theta_j. polychain: straight lines from each bend to
// the next, each a share 1/(n-1) of t. Here and below the bends are all n points theta_0 ... theta_(n-1), both ends among them.
enum class CurveKind { bezier, polychain };

// The weight of each of n >= 2 bends at t in [0, 1]; they add up to 1, and at 0 and 1 one is 1 and the rest are 0, exactly.
std::vector<double> curve_coefficients(CurveKind kind, int bends, double t);

// Words of the configuration; throws Error(config) with the allowed ones.
CurveKind curve_kind_from(const std::string& word);
const char* to_string(CurveKind);

// t -> phi(t) over all parameters, those of batch norm included, rounded as evaluate::AffineSpace says with a centre of 0. The states are
// those of the first bend: they mean nothing between the bends and are to be recalibrated.
class Curve : public Parametrisation {
public:
    // bends: at least two, of one network; on `device` afterwards.
    Curve(CurveKind kind, const std::vector<model::Weights>& bends, at::Device device);
    int dimensions() const override { return 1; }
    const model::Weights& at(std::span<const double> coordinates) override { return weights_.at(coefficients(coordinates)); }
    const evaluate::AffineSpace* space() const override { return &weights_.space(); }
    std::vector<double> coefficients(std::span<const double> coordinates) const override;

private:
    CurveKind kind_;
    evaluate::MovingWeights weights_;
};

}  // namespace orograph::landscape
