#pragma once

#include "orograph/landscape/measurement.hpp"

namespace orograph::landscape {

// What CurveMeasurement makes of the fields of a LossMeasurement.
std::vector<Field> curve_fields(const std::vector<Field>& losses);

// A point of a curve as Garipov et al. 2018 record it: of each split the cross-entropy X_nll, X_loss = X_nll + 0.5 wd |phi(t)|^2 and X_acc;
// norm = |phi(t)| and dl = |phi(t) - phi(the t before)|, 0 at the first, in float64 over all parameters (numerics.md section 4).
class CurveMeasurement : public Measurement {
public:
    // `path`: the parametrisation of `losses` once more, on the CPU. `ts`: all values of t in the grid's order.
    CurveMeasurement(std::unique_ptr<LossMeasurement> losses, std::unique_ptr<Parametrisation> path, std::vector<double> ts,
                     double weight_decay);
    const std::vector<Field>& fields() const override { return fields_; }
    std::vector<double> partial(std::span<const double> coordinates, std::span<const double> next, const CancelToken& cancel) override;
    std::vector<double> record(std::span<const std::vector<double>> partials) const override;

private:
    struct Lengths {
        double norm = 0, step = 0;
    };
    Lengths lengths_at(double t);
    const at::Tensor& parameters_before(double t);

    std::unique_ptr<LossMeasurement> losses_;
    std::unique_ptr<Parametrisation> path_;
    std::vector<double> ts_;
    double weight_decay_;
    std::vector<Field> fields_;
    std::optional<double> kept_t_;
    at::Tensor kept_;  // parameters at kept_t_
};

}  // namespace orograph::landscape
