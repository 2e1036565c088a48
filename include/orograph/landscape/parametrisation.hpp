#pragma once

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
};

// theta + x*dx + y*dy + ... in float32: every product and every sum rounded once, in that order, on every back end (the coordinate is
// rounded to float32 first). States move alike where a direction has Space::states.
class AffineSubspace : public Parametrisation {
public:
    AffineSubspace(model::Weights centre, std::vector<Direction> directions, at::Device device);
    int dimensions() const override { return static_cast<int>(deltas_.size()); }
    const model::Weights& at(std::span<const double> coordinates) override;

private:
    model::Weights centre_;
    std::vector<model::Weights> deltas_;
    std::vector<bool> moves_states_;
    model::Weights point_;
};

}  // namespace orograph::landscape
