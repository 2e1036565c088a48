#include "orograph/landscape/parametrisation.hpp"

namespace orograph::landscape {

namespace {

evaluate::AffineSpace space_of(const model::Weights& centre, const std::vector<Direction>& directions, at::Device device) {
    evaluate::AffineSpace space{centre.to(device)};
    for (const Direction& direction : directions)
        space.directions.push_back({direction.delta.to(device), direction.spec.space == Space::states});
    return space;
}

}  // namespace

AffineSubspace::AffineSubspace(const model::Weights& centre, const std::vector<Direction>& directions, at::Device device)
    : weights_(space_of(centre, directions, device)) {}

}  // namespace orograph::landscape
