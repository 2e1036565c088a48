#pragma once

#include "orograph/train/gradient.hpp"
#include "orograph/train/learner.hpp"

namespace orograph::train {

// A network in training: parameters and gradient are one flat vector each, so that an optimizer step is a few calls on whole vectors.
class NetworkLearner : public Learner {
public:
    NetworkLearner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device,
                   const par::Communicator& team);

    double step(const Batch& batch, double lr) override;
    Optimizer& optimizer() override { return optimizer_; }
    // Empty ones (a network without BN has no states) are left out.
    NamedTensors tensors() override;
    const model::Weights& judged() override { return weights_; }
    bool needs_recalibration() const override { return false; }
    void write_epoch(const std::filesystem::path& folder, int epoch, const Metadata& metadata) override;
    void write_final(const std::filesystem::path& folder, const Metadata& metadata) override;
    std::filesystem::path final_file(const std::filesystem::path& folder) const override { return folder / "final.safetensors"; }

private:
    void write(const std::filesystem::path& file, Metadata metadata) const;

    const model::Network& network_;
    model::Weights weights_;
    Gradient gradient_;
    Optimizer optimizer_;
};

}  // namespace orograph::train
