#include "orograph/landscape/curve_measurement.hpp"

#include "inner.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace orograph::landscape {

// `losses` has X_loss and X_acc of each split; the term of the weight decay comes beside.
std::vector<Field> curve_fields(const std::vector<Field>& losses) {
    std::vector<Field> fields;
    for (std::size_t i = 0; i < losses.size(); i += 2) {
        const Field& loss = losses[i];
        fields.push_back({loss.name.substr(0, loss.name.find('_')) + "_nll", loss.long_name, loss.units});
        fields.push_back({loss.name, loss.long_name + " plus the weight decay's term", loss.units});
        fields.push_back(losses[i + 1]);
    }
    fields.push_back({"norm", "Euclidean norm of all parameters", "1"});
    fields.push_back({"dl", "Euclidean distance from the point before, over all parameters", "1"});
    return fields;
}

CurveMeasurement::CurveMeasurement(std::unique_ptr<LossMeasurement> losses, std::unique_ptr<Parametrisation> path, std::vector<double> ts,
                                   double weight_decay)
    : losses_(std::move(losses)),
      path_(std::move(path)),
      ts_(std::move(ts)),
      weight_decay_(weight_decay),
      fields_(curve_fields(losses_->fields())) {}

// That of `losses`; the first shard's ends with norm and dl.
std::vector<double> CurveMeasurement::partial(std::span<const double> coordinates, std::span<const double> next,
                                              const CancelToken& cancel) {
    std::vector<double> values = losses_->partial(coordinates, next, cancel);
    if (values.empty() || losses_->shard() != 0) return values;
    const Lengths lengths = lengths_at(coordinates[0]);
    values.insert(values.end(), {lengths.norm, lengths.step});
    return values;
}

CurveMeasurement::Lengths CurveMeasurement::lengths_at(double t) {
    const at::Tensor before = parameters_before(t);
    const at::Tensor here = path_->at(std::array{t}).parameters;
    const Lengths lengths{std::sqrt(inner(values_of(here), values_of(here))),
                          before.defined() ? distance(values_of(before), values_of(here)) : 0};
    kept_ = here.clone();  // for the next t, which is mostly measured next
    kept_t_ = t;
    return lengths;
}

// Undefined at the first t.
const at::Tensor& CurveMeasurement::parameters_before(double t) {
    const auto found = std::ranges::find(ts_, t);
    OROGRAPH_EXPECT(found != ts_.end());
    if (found == ts_.begin()) {
        kept_ = at::Tensor();
        kept_t_.reset();
    } else if (kept_t_ != *(found - 1)) {
        kept_t_ = *(found - 1);
        kept_ = path_->at(std::array{*kept_t_}).parameters.clone();
    }
    return kept_;
}

std::vector<double> CurveMeasurement::record(std::span<const std::vector<double>> partials) const {
    std::vector<std::vector<double>> of_losses(partials.begin(), partials.end());
    const double step = of_losses.at(0).back(), norm = of_losses[0].end()[-2];
    of_losses[0].resize(of_losses[0].size() - 2);
    const std::vector<double> losses = losses_->record(of_losses);
    std::vector<double> values;
    for (std::size_t i = 0; i < losses.size(); i += 2)
        values.insert(values.end(), {losses[i], losses[i] + 0.5 * weight_decay_ * norm * norm, losses[i + 1]});
    values.insert(values.end(), {norm, step});
    return values;
}

}  // namespace orograph::landscape
