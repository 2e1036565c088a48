#pragma once

#include "orograph/evaluate/affine_space.hpp"
#include "orograph/landscape/direction.hpp"

#include <span>
#include <vector>

namespace orograph::landscape {

// coordinates -> weights.
class Parametrisation {
public:
    virtual ~Parametrisation() = default;
    virtual int dimensions() const = 0;
    // The weights at `coordinates` (dimensions() of them), on the parametrisation's device. The result stays valid until the next call.
    virtual const model::Weights& at(std::span<const double> coordinates) = 0;

    // The space in which all these weights lie, so that an evaluator can make them itself; null where there is none.
    virtual const evaluate::AffineSpace* space() const { return nullptr; }
    // The coefficients in space() of the weights at `coordinates`.
    virtual std::vector<double> coefficients(std::span<const double> coordinates) const { return {coordinates.begin(), coordinates.end()}; }
};

// theta + x*dx + y*dy + ..., rounded as evaluate::AffineSpace says. States move alike where a direction has Space::states.
class AffineSubspace : public Parametrisation {
public:
    AffineSubspace(const model::Weights& centre, const std::vector<Direction>& directions, at::Device device);
    int dimensions() const override { return static_cast<int>(weights_.space().directions.size()); }
    const model::Weights& at(std::span<const double> coordinates) override { return weights_.at(coordinates); }
    const evaluate::AffineSpace* space() const override { return &weights_.space(); }

private:
    evaluate::MovingWeights weights_;
};

}  // namespace orograph::landscape
