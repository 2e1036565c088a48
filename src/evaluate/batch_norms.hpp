#pragma once

#include "plan.hpp"
#include "pointwise.hpp"

#include <map>
#include <span>

namespace orograph::evaluate {

// Of a batch's values, channel by channel.
struct Moments {
    std::vector<double> mean, biased_variance, unbiased_variance;
};

// The batch norms of a plan with Statistics::of_batch, for one stream: sums of the values that they normalise, and the scale and shift that
// follow. A value that several of them read is summed once.
class BatchNorms {
public:
    explicit BatchNorms(const Plan& plan);

    bool normalise(int value) const { return sums_.contains(value); }

    // Forgets the last batch.
    void begin(std::int64_t images);

    // Some images of a value; `call` without its destination. Returns whether all were finite.
    bool add(int value, ChannelSumsCall call, const PointwiseKernel& kernel);

    // Of what step `step` normalises, once all images were added.
    Moments moments(const Step& step) const;

    // Sets scale and shift from gamma and beta [channels]: rounded once.
    void set_scale(int step, const float* gamma, const float* beta);

    const float* scale(int step) const { return affine_.at(step).scale.data(); }
    const float* shift(int step) const { return affine_.at(step).shift.data(); }

private:
    struct Sums {
        std::vector<double> values, squares;
        std::int64_t pixels = 0;
    };
    struct Affine {
        std::vector<float> scale, shift;
    };

    const Plan& plan_;
    std::int64_t images_ = 0;
    std::map<int, Sums> sums_;      // of values
    std::map<int, Affine> affine_;  // of steps
};

}  // namespace orograph::evaluate
