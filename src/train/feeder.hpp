#pragma once

#include "orograph/train/learner.hpp"
#include "orograph/train/trainer.hpp"

namespace orograph::train {

// Training batches of one split: shuffled anew each epoch, augmented, the last one as small as what is left. A batch depends on the
// recipe's seed, the epoch and its number only, so that training can go on from any step.
class Feeder {
public:
    // `split` (CPU) must outlive the feeder. Batches come out on `device`: channels last on the CPU, where convolutions are faster so.
    // `rank` of `ranks` is whose shares these are.
    Feeder(const data::Split& split, const Recipe& recipe, at::Device device, int rank, int ranks);

    std::int64_t batches() const { return (split_.size() + batch_ - 1) / batch_; }
    Batch batch(int epoch, std::int64_t number);

private:
    void shuffle(int epoch);

    const data::Split& split_;
    data::Augmentation augmentation_;
    std::uint64_t seed_;
    std::int64_t batch_;
    at::Device device_;
    int rank_, ranks_;
    int shuffled_epoch_ = -1;
    at::Tensor order_;  // [N] int64
};

}  // namespace orograph::train
