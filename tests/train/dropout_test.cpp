#include "network_learner.hpp"
#include "synthetic.hpp"

#include "orograph/model/forward.hpp"

#include <gtest/gtest.h>

namespace orograph::train {
namespace {

constexpr std::uint64_t seed = 11;

// The perceptron with dropout in place of its second ReLU.
model::Network network_with_dropout() {
    model::Network network = model::build_network("mlp", 1, 10);
    network.ops[5].kind = model::OpKind::dropout;
    network.ops[5].probability = 0.5;
    return network;
}

// Training steps at rate 0, so that losses differ by the dropout masks alone.
class TrainDropout : public ::testing::Test {
protected:
    NetworkLearner make_learner() const { return {network_, start_, {.seed = seed}, at::kCPU, {}}; }

    Batch share(std::int64_t first, std::int64_t count) const {
        return {split_.images.narrow(0, first, count), split_.labels.narrow(0, first, count), 1, first};
    }

    double expected_loss(std::uint64_t step, const Batch& batch) const {
        const at::NoGradGuard no_grad;
        const at::Tensor logits = model::forward(network_, model::views(start_.parameters, network_.space.parameters), {}, batch.images,
                                                 model::BatchNormMode::update_states, model::DropoutDraw{seed, step, batch.first});
        return at::cross_entropy_loss(logits, batch.labels).item<double>();
    }

    const model::Network network_ = network_with_dropout();
    const model::Weights start_ = model::initial_weights(network_, 1);
    const data::Split split_ = testing::make_split("train", 8, 1);
};

TEST_F(TrainDropout, EveryStepHasItsOwnMasks) {
    NetworkLearner learner = make_learner();
    const Batch batch = share(0, 8);
    double last = 0;
    for (std::uint64_t step = 0; step < 4; ++step) {
        const double loss = learner.step(batch, 0);
        EXPECT_EQ(loss, expected_loss(step, batch));
        EXPECT_NE(loss, last);
        last = loss;
    }
}

TEST_F(TrainDropout, ALearnerThatGoesOnDrawsTheMasksOfItsStep) {
    NetworkLearner learner = make_learner();
    learner.optimizer().set_steps(3);
    EXPECT_EQ(learner.step(share(0, 8), 0), expected_loss(3, share(0, 8)));
}

TEST_F(TrainDropout, SharesOfABatchGetTheMasksOfTheWhole) {
    const double halves = make_learner().step(share(0, 4), 0) + make_learner().step(share(4, 4), 0);
    EXPECT_NEAR(halves / 2, make_learner().step(share(0, 8), 0), 1e-6);
}

}  // namespace
}  // namespace orograph::train
