#pragma once

#include "orograph/landscape/curve_training.hpp"
#include "orograph/train/gradient.hpp"

namespace orograph::landscape {

// See make_curve_learner().
class CurveLearner : public train::Learner {
public:
    CurveLearner(const model::Network& network, const CurveStart& start, const train::Recipe& recipe, at::Device device,
                 const par::Communicator& team);

    double step(const train::Batch& batch, double lr) override;
    train::Optimizer& optimizer() override { return optimizer_; }
    train::NamedTensors tensors() override;
    const model::Weights& judged() override;
    bool needs_recalibration() const override { return true; }
    void write_epoch(const std::filesystem::path&, int, const Metadata&) override {}
    void write_final(const std::filesystem::path& folder, const Metadata& metadata) override;
    std::filesystem::path final_file(const std::filesystem::path& folder) const override { return folder / "curve.yaml"; }

private:
    const model::Network& network_;
    CurveKind kind_;
    double weight_decay_;  // of phi
    std::uint64_t seed_;
    at::Tensor points_;                   // [n, P], the ends first and last
    std::vector<model::Weights> curve_;   // of each point; the parameters are rows of points_
    Curve path_;                          // through them
    model::Weights phi_;                  // where path_ puts its points
    std::int64_t first_free_, end_free_;  // rows of points_ that are trained
    at::Tensor trained_, slopes_;         // those rows as one vector [F * P], and their gradient
    train::Gradient gradient_;            // at phi_
    train::Optimizer optimizer_;
};

}  // namespace orograph::landscape
