#pragma once

#include "orograph/landscape/parametrisation.hpp"

#include <filesystem>
#include <string>

namespace orograph::landscape {

// A checkpoint and what it held when it was first looked at (model::fingerprint).
struct CheckpointFile {
    std::filesystem::path source;  // as model::load_weights takes it
    std::string fingerprint;
};

// t = 0, 1, 2, ... -> the weights in that checkpoint, loaded when asked for. at() throws as model::load_weights does, and Error(data) where
// the file holds other weights than at first.
class CheckpointList : public Parametrisation {
public:
    CheckpointList(model::Network network, std::vector<CheckpointFile> files, at::Device device)
        : network_(std::move(network)), files_(std::move(files)), device_(device) {}
    int dimensions() const override { return 1; }
    const model::Weights& at(std::span<const double> coordinates) override;

private:
    model::Network network_;
    std::vector<CheckpointFile> files_;
    at::Device device_;
    model::Weights weights_;
};

}  // namespace orograph::landscape
