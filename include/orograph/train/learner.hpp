#pragma once

#include "orograph/model/weights.hpp"
#include "orograph/train/optimizer.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace orograph::train {

// A rank's share of a batch: all of it where one rank trains. Shares are of whole images, sizes differ by at most one, and none is of one
// image alone (batch norm needs two): ranks that would have less have nothing.
struct Batch {
    at::Tensor images;       // [B, C, 32, 32] float32
    at::Tensor labels;       // [B] int64
    double fraction = 1;     // of the batch's images that are in the share
    std::int64_t first = 0;  // of the batch's images, in the share
};

// Tensors that share storage with what they name.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// What the loop trains. The ranks of a team hold equal learners and do the same steps, each on its share of a batch.
class Learner {
public:
    using Metadata = std::map<std::string, std::string>;

    virtual ~Learner() = default;

    // Collective over the team. One optimizer step at rate `lr`; returns the loss before it. Where that is not finite the parameters stay
    // as they are. Anything random depends on seeds and optimizer().steps() only.
    virtual double step(const Batch& batch, double lr) = 0;

    virtual Optimizer& optimizer() = 0;
    // All that training changes, float32: what the resume file holds, and what rank 0 hands to the others.
    virtual NamedTensors tensors() = 0;

    // The weights that an epoch is judged by, valid until the next call or step.
    virtual const model::Weights& judged() = 0;
    // Whether their batch-norm states mean nothing and are to be recalibrated on the train split.
    virtual bool needs_recalibration() const = 0;

    // Rank 0's files, `metadata` in their headers: of an epoch (from 1), where one keeps them, and of the run at its end, final_file()
    // last.
    virtual void write_epoch(const std::filesystem::path& folder, int epoch, const Metadata& metadata) = 0;
    virtual void write_final(const std::filesystem::path& folder, const Metadata& metadata) = 0;
    virtual std::filesystem::path final_file(const std::filesystem::path& folder) const = 0;
};

}  // namespace orograph::train
