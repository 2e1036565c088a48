#include "orograph/landscape/plane.hpp"

#include "inner.hpp"

#include <cmath>
#include <vector>

namespace orograph::landscape {

namespace {

// Lengths below this part of the weights' own are what rounding to float32 leaves of nothing.
constexpr double resolution = 1e-6;

using Vector = std::vector<double>;

Vector difference(const at::Tensor& to, const at::Tensor& from) {
    const auto a = values_of(to), b = values_of(from);
    OROGRAPH_EXPECT(a.size() == b.size());
    Vector result(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) result[i] = static_cast<double>(a[i]) - b[i];
    return result;
}

double product(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// Scales to length 1; returns the length.
double make_unit(Vector& vector) {
    const double length = std::sqrt(product(vector, vector));
    if (length > 0)
        for (double& value : vector) value /= length;
    return length;
}

Direction direction_of(const Vector& vector, const model::Weights& like, const DirectionSpec& spec) {
    Direction direction{{at::empty_like(like.parameters), at::zeros_like(like.states)}, spec};
    const auto values = values_of(direction.delta.parameters);
    for (std::size_t i = 0; i < vector.size(); ++i) values[i] = static_cast<float>(vector[i]);
    return direction;
}

double projection(const at::Tensor& along, const model::Weights& w0, const model::Weights& weights) {
    const auto u = values_of(along), from = values_of(w0.parameters), to = values_of(weights.parameters);
    double sum = 0;
    for (std::size_t i = 0; i < u.size(); ++i) sum += u[i] * (static_cast<double>(to[i]) - from[i]);
    return sum;
}

}  // namespace

Plane plane_through(const model::Weights& w0, const model::Weights& w1, const model::Weights& w2, const DirectionSpec& x,
                    const DirectionSpec& y) {
    const double least = resolution * std::sqrt(inner(values_of(w0.parameters), values_of(w0.parameters)));
    Vector u = difference(w2.parameters, w0.parameters);
    const double width = make_unit(u);
    OROGRAPH_VALIDATE(width > least, ExitCode::config, x.weights.string(),
                      " has the weights of the plane's first point; choose another for directions.x.weights");
    Vector v = difference(w1.parameters, w0.parameters);
    const double shift = product(u, v), distance = std::sqrt(product(v, v));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] -= shift * u[i];
    const double height = make_unit(v);
    OROGRAPH_VALIDATE(height > least + resolution * distance, ExitCode::config, y.weights.string(),
                      " lies on the line through the plane's other two points; choose another for directions.y.weights");
    return {direction_of(u, w0, x), direction_of(v, w0, y), width, shift, height};
}

std::array<double, 2> place_in(const Plane& plane, const model::Weights& w0, const model::Weights& weights) {
    return {projection(plane.u.delta.parameters, w0, weights), projection(plane.v.delta.parameters, w0, weights)};
}

}  // namespace orograph::landscape
