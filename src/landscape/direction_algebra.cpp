#include "inner.hpp"

#include "orograph/core/fingerprint.hpp"
#include "orograph/landscape/direction.hpp"

namespace orograph::landscape {

namespace {

double inner(const Direction& a, const Direction& b) {
    return landscape::inner(values_of(a.delta.parameters), values_of(b.delta.parameters)) +
           landscape::inner(values_of(a.delta.states), values_of(b.delta.states));
}

void subtract_multiple(std::span<const float> a, double factor, std::span<float> b) {
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(b[i] - factor * a[i]);
}

}  // namespace

double cosine(const Direction& a, const Direction& b) {
    const double lengths = std::sqrt(inner(a, a)) * std::sqrt(inner(b, b));
    return lengths > 0 ? inner(a, b) / lengths : 0;
}

void orthogonalize(const Direction& a, Direction& b) {
    const double length_squared = inner(a, a);
    if (length_squared == 0) return;
    OROGRAPH_VALIDATE(1 - std::abs(cosine(a, b)) > 1e-10, ExitCode::config,
                      "the two directions are parallel, so nothing is left of the second; choose another, or set "
                      "directions.orthogonalize: false");
    const double factor = inner(a, b) / length_squared;
    subtract_multiple(values_of(a.delta.parameters), factor, values_of(b.delta.parameters));
    subtract_multiple(values_of(a.delta.states), factor, values_of(b.delta.states));
}

std::string fingerprint(const Direction& direction) {
    Fingerprint digest;
    digest.add(to_string(direction.spec.space));
    digest.add_values(std::span<const float>(values_of(direction.delta.parameters)));
    digest.add_values(std::span<const float>(values_of(direction.delta.states)));
    return digest.hex();
}

}  // namespace orograph::landscape
