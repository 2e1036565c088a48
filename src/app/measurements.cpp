#include "measurements.hpp"

#include "orograph/landscape/curve.hpp"
#include "orograph/landscape/curve_measurement.hpp"

namespace orograph::app {

std::unique_ptr<landscape::Parametrisation> make_parametrisation(const Inputs& inputs, at::Device device) {
    if (!inputs.curve) return std::make_unique<landscape::AffineSubspace>(inputs.weights, inputs.directions, device);
    const auto& [source, weights, files] = *inputs.curve;
    if (source.kind == "checkpoints") return std::make_unique<landscape::CheckpointList>(inputs.network, files, device);
    const auto kind = source.kind == "polychain" ? landscape::CurveKind::polychain : landscape::CurveKind::bezier;  // a segment is either
    return std::make_unique<landscape::Curve>(kind, weights, device);
}

std::unique_ptr<landscape::Measurement> make_measurement(const Inputs& inputs, const data::Dataset& dataset,
                                                         std::unique_ptr<evaluate::Evaluator> evaluator, const evaluate::Options& options,
                                                         int shard, int shards) {
    auto losses = std::make_unique<landscape::LossMeasurement>(make_parametrisation(inputs, options.device), std::move(evaluator), dataset,
                                                               shard, shards, options.loss, inputs.recalibration);
    if (!inputs.curve) return losses;
    return std::make_unique<landscape::CurveMeasurement>(std::move(losses), make_parametrisation(inputs, at::kCPU),
                                                         inputs.axes.front().coordinates, inputs.curve->source.weight_decay);
}

std::vector<landscape::Field> measured_fields(const Inputs& inputs, evaluate::Loss loss) {
    const auto losses = landscape::loss_fields(inputs.dataset.splits, loss);
    return inputs.curve ? landscape::curve_fields(losses) : losses;
}

}  // namespace orograph::app
