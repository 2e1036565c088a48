#include "network_learner.hpp"

#include "orograph/core/text.hpp"

#include <cmath>

namespace orograph::train {

namespace {

std::string three_digits(int number) {
    std::string digits = std::to_string(number);
    if (digits.size() < 3) digits.insert(0, 3 - digits.size(), '0');
    return digits;
}

}  // namespace

NetworkLearner::NetworkLearner(const model::Network& network, const model::Weights& start, const Recipe& recipe, at::Device device,
                               const par::Communicator& team)
    : network_(network),
      weights_(start.clone().to(device)),
      gradient_(network, weights_, recipe.seed, team),
      optimizer_(recipe, network.space.parameter_count(), device) {}

double NetworkLearner::step(const Batch& batch, double lr) {
    const double loss = gradient_.compute(batch, optimizer_.steps());
    if (std::isfinite(loss)) optimizer_.step(weights_.parameters, gradient_.values(), lr);
    return loss;
}

NamedTensors NetworkLearner::tensors() {
    NamedTensors named = optimizer_.tensors();
    named.emplace_back("parameters", weights_.parameters);
    if (weights_.states.numel() > 0) named.emplace_back("states", weights_.states);
    return named;
}

void NetworkLearner::write_epoch(const std::filesystem::path& folder, int epoch, const Metadata& metadata) {
    write(folder / cat("epoch-", three_digits(epoch), ".safetensors"), metadata);
}

void NetworkLearner::write_final(const std::filesystem::path& folder, const Metadata& metadata) {
    write(final_file(folder), metadata);
}

void NetworkLearner::write(const std::filesystem::path& file, Metadata metadata) const {
    metadata["architecture"] = network_.architecture;
    model::save_weights(file, network_, weights_, metadata);
}

}  // namespace orograph::train
