#include "normalize.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::landscape {

namespace {

double norm(std::span<const float> values) {
    double sum = 0;
    for (const float value : values) sum += static_cast<double>(value) * value;
    return std::sqrt(sum);
}

// Gives `direction` the norm `target`, but for epsilon; a zero direction stays zero.
void rescale(std::span<float> direction, double target, double epsilon) {
    const double length = norm(direction) + epsilon;
    const double factor = length > 0 ? target / length : 0;
    for (float& value : direction) value = static_cast<float>(value * factor);
}

void rescale_slices(std::span<float> direction, std::span<const float> weights, std::int64_t slices, bool to_weights, double epsilon) {
    const std::size_t size = direction.size() / static_cast<std::size_t>(slices);
    for (std::size_t first = 0; first < direction.size(); first += size) {
        const double target = to_weights ? norm(weights.subspan(first, size)) : 1;
        rescale(direction.subspan(first, size), target, epsilon);
    }
}

}  // namespace

void normalize_tensor(std::span<float> direction, std::span<const float> weights, const std::vector<std::int64_t>& shape, Normalize rule,
                      Ignore ignore) {
    OROGRAPH_EXPECT(direction.size() == weights.size());
    const bool slim = shape.size() <= 1;
    if (slim && ignore == Ignore::biasbn) {
        std::fill(direction.begin(), direction.end(), 0.0F);
    } else if (slim && ignore == Ignore::li_compat) {
        std::copy(weights.begin(), weights.end(), direction.begin());
    } else if (rule == Normalize::weight) {
        std::transform(direction.begin(), direction.end(), weights.begin(), direction.begin(), std::multiplies<>());
    } else if (rule != Normalize::none) {
        const bool sliced = !slim && (rule == Normalize::filter || rule == Normalize::dfilter);
        const bool to_weights = rule == Normalize::filter || rule == Normalize::layer;
        rescale_slices(direction, weights, sliced ? shape[0] : 1, to_weights, sliced ? 1e-10 : 0);
    }
}

}  // namespace orograph::landscape
