#include "directions.hpp"

#include "fixed_states.hpp"

#include "orograph/core/text.hpp"
#include "orograph/landscape/curve.hpp"
#include "orograph/landscape/plane.hpp"
#include "orograph/survey/direction_file.hpp"

namespace orograph::app {

namespace {

landscape::DirectionSpec spec_of(const DirectionSection& section) {
    landscape::DirectionSpec spec;
    spec.seed = section.seed;
    spec.normalize = landscape::normalize_from(section.normalize);
    spec.ignore = landscape::ignore_from(section.ignore);
    spec.space = landscape::space_from(section.space);
    spec.weights = section.weights;
    spec.file = section.file;
    spec.name = section.name;
    spec.kind = section.kind == "plane"     ? landscape::DirectionKind::plane
                : section.kind == "towards" ? landscape::DirectionKind::towards
                : section.kind == "file"    ? landscape::DirectionKind::file
                                            : landscape::DirectionKind::random;
    return spec;
}

landscape::Direction load_direction(const Inputs& inputs, const landscape::DirectionSpec& spec) {
    switch (spec.kind) {
        case landscape::DirectionKind::towards:
            return landscape::direction_towards(inputs.network, inputs.weights, spec);
        case landscape::DirectionKind::random:
            return landscape::random_direction(inputs.network, inputs.weights, spec);
        default:
            break;
    }
    std::vector<at::Tensor> tensors;
    for (const auto& stored : survey::read_direction_file(spec.file, spec.name)) {
        tensors.push_back(at::from_blob(const_cast<float*>(stored.values.data()), stored.shape, at::kFloat).clone());
    }
    return landscape::direction_from_tensors(inputs.network, tensors, spec);
}

// Where the three points come from: those that the configuration names, else the curve's first, last and middle one.
struct PlanePoints {
    std::string w0, w1, w2;
};

PlanePoints points_of(const Config& config, const std::optional<CurveSource>& curve) {
    PlanePoints points{config.model.weights, config.directions.y.weights, config.directions.x.weights};
    if (!curve) {
        if (points.w0.empty()) points.w0 = config.model.file;  // an exported network's own
        return points;
    }
    const auto& bends = curve->points;
    if (points.w0.empty()) points.w0 = bends.front().source;
    if (points.w2.empty()) points.w2 = bends.back().source;
    OROGRAPH_VALIDATE(!points.w1.empty() || bends.size() > 2, ExitCode::config,
                      "directions.y.weights is missing: a segment has no bend that could be the plane's third point");
    if (points.w1.empty()) points.w1 = bends[bends.size() / 2].source;
    return points;
}

// Places of the curve's bends, projected, and of `samples` values of t: phi(t) is a weighted mean of the bends, so its place is one too.
void add_curve_places(const Config& config, const CurveSource& source, const landscape::Plane& plane, Inputs& inputs) {
    const LoadedCurve curve = load_curve(source, inputs.network);
    std::vector<double> bends, samples;
    for (const auto& weights : curve.weights)
        for (const double place : place_in(plane, inputs.weights, weights)) bends.push_back(place);
    const auto count = static_cast<std::int64_t>(curve.weights.size());
    const auto kind = source.kind == "polychain" ? landscape::CurveKind::polychain : landscape::CurveKind::bezier;
    for (const double t : survey::linear_axis("t", 0, 1, config.shown_curve->samples).coordinates) {
        double x = 0, y = 0;
        const auto coefficients = landscape::curve_coefficients(kind, static_cast<int>(count), t);
        for (std::size_t j = 0; j < coefficients.size(); ++j) {
            x += coefficients[j] * bends[2 * j];
            y += coefficients[j] * bends[2 * j + 1];
        }
        samples.insert(samples.end(), {t, x, y});
    }
    inputs.places.push_back({"curve", "bends", "x and y of the bends, both ends among them, projected on the plane", {count, 2}, bends});
    inputs.places.push_back({"curve", "samples", "t, x and y along the curve", {config.shown_curve->samples, 3}, samples});
}

}  // namespace

survey::Axis axis_of(const char* name, const std::vector<double>& range, double scale) {
    survey::Axis axis = survey::linear_axis(name, range[0], range[1], static_cast<std::int64_t>(range[2]));
    for (double& coordinate : axis.coordinates) coordinate *= scale;
    return axis;
}

void load_directions(const Config& config, Inputs& inputs) {
    inputs.directions.push_back(load_direction(inputs, spec_of(config.directions.x)));
    inputs.axes.push_back(axis_of("x", config.grid.x));
    if (config.job == Job::line) return;
    inputs.directions.push_back(load_direction(inputs, spec_of(config.directions.y)));
    inputs.axes.push_back(axis_of("y", config.grid.y));
    if (config.directions.orthogonalize) landscape::orthogonalize(inputs.directions[0], inputs.directions[1]);
}

void load_plane(const Config& config, Inputs& inputs) {
    std::optional<CurveSource> source;
    if (config.shown_curve) source = curve_source_of(*config.shown_curve, config.model.architecture);
    const PlanePoints points = points_of(config, source);
    landscape::DirectionSpec x = spec_of(config.directions.x), y = spec_of(config.directions.y);
    x.weights = points.w2;
    y.weights = points.w1;
    inputs.weights_source = points.w0;
    std::vector<model::Weights> weights;
    for (const auto& point : {points.w0, points.w1, points.w2}) weights.push_back(model::load_weights(point, inputs.network));
    if (x.space == landscape::Space::parameters) warn_of_fixed_states(inputs.network, inputs.recalibration.has_value(), weights);
    inputs.weights = weights[0];
    const auto plane = landscape::plane_through(weights[0], weights[1], weights[2], x, y);
    inputs.axes = {axis_of("x", config.grid.x, plane.width), axis_of("y", config.grid.y, plane.height)};
    inputs.places.push_back({"plane",
                             "points",
                             "x and y of model.weights, directions.x.weights and directions.y.weights",
                             {3, 2},
                             {0, 0, plane.width, 0, plane.shift, plane.height}});
    if (source) add_curve_places(config, *source, plane, inputs);
    inputs.directions = {plane.u, plane.v};
}

}  // namespace orograph::app
