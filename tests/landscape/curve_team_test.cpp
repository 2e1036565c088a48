// A curve trained by several ranks together, against one process that computes what each of them should.
#include "fixtures.hpp"
#include "small_network.hpp"
#include "synthetic.hpp"

#include "orograph/landscape/curve_training.hpp"
#include "orograph/model/forward.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace orograph::landscape {
namespace {

using testing::bytes_of;
using testing::lively_weights;
using testing::TemporaryFolder;

constexpr std::int64_t images = 23;

class CurveTeam : public ::testing::Test {
protected:
    CurveTeam() : world_(par::Communicator::world()) {
        recipe_.nesterov = false;
        recipe_.weight_decay = 0.01;
        recipe_.augmentation = {0, false};
        if (world_.rank() == 0) folder_ = std::make_unique<TemporaryFolder>();
        if (folder_) path_ = (*folder_ / "run").string();
        par::broadcast(world_, path_, 0);
    }

    train::Outcome run(int steps = -1) {
        const auto learner = make_curve_learner(network_, start_, recipe_, at::kCPU, world_);
        auto asked = std::make_shared<std::atomic<int>>(0);
        train::Machine machine{.threads = 1, .progress = "none", .save_s = 1e9};
        machine.stop = [asked, steps] { return steps >= 0 && (*asked)++ >= steps; };
        return train::train(*learner, network_, dataset_, recipe_, {path_, {{"run", "this"}}}, machine, world_);
    }

    // The gradient of the mean cross-entropy of images [first, first + size) at `phi`, normalised by themselves.
    at::Tensor gradient(const at::Tensor& phi, std::int64_t first, std::int64_t size) const {
        const at::Tensor leaf = phi.to(at::kDouble).detach().requires_grad_();
        const std::vector<at::Tensor> no_states(network_.space.states.size());
        const at::Tensor logits =
            model::forward(network_, model::views(leaf, network_.space.parameters), no_states,
                           dataset_.splits[0].images.narrow(0, first, size).to(at::kDouble), model::BatchNormMode::update_states);
        return torch::autograd::grad({at::cross_entropy_loss(logits, dataset_.splits[0].labels.narrow(0, first, size))}, {leaf})[0];
    }

    const par::Communicator world_;
    std::unique_ptr<TemporaryFolder> folder_;  // rank 0's
    std::string path_;
    const data::Dataset dataset_ = testing::make_dataset(images, 10);
    const model::Network network_ = testing::small_convolutional_network();
    const CurveStart start_{CurveKind::bezier, {lively_weights(network_, 1), lively_weights(network_, 2)}, 1, {true, false}};
    train::Recipe recipe_;
};

// The decay's part of the gradient is there once, not once a rank.
TEST_F(CurveTeam, AStepIsTheWeightedMeanOfItsShares) {
    const auto learner = make_curve_learner(network_, start_, recipe_, at::kCPU, world_);
    const at::Tensor first = start_.ends[0].parameters.to(at::kDouble), last = start_.ends[1].parameters.to(at::kDouble);
    const double t = training_t(recipe_.seed, 0);
    const std::array<double, 3> c{(1 - t) * (1 - t), 2 * t * (1 - t), t * t};
    const at::Tensor phi = c[0] * first + c[1] * 0.5 * (first + last) + c[2] * last;
    at::Tensor expected = recipe_.weight_decay * phi;
    std::int64_t begin = 0;
    train::Batch own;
    for (int rank = 0; rank < world_.size(); ++rank) {
        const std::int64_t size = images / world_.size() + (rank < images % world_.size() ? 1 : 0);
        const double fraction = static_cast<double>(size) / static_cast<double>(images);
        if (rank == world_.rank()) {
            const auto& split = dataset_.splits[0];
            own = {split.images.narrow(0, begin, size), split.labels.narrow(0, begin, size), fraction, begin};
        }
        expected += fraction * gradient(phi, begin, size);
        begin += size;
    }
    learner->step(own, 0.1);
    int compared = 0;
    for (const auto& [name, tensor] : learner->tensors()) {
        if (name != "optimizer.momentum") continue;
        const at::Tensor slopes = tensor.view({2, -1}).to(at::kDouble);
        for (int j = 0; j < 2; ++j, ++compared)
            EXPECT_LT((slopes[j] - c[j + 1] * expected).norm().item<double>(), 1e-4 * c[j + 1] * expected.norm().item<double>());
    }
    EXPECT_EQ(compared, 2);
}

TEST_F(CurveTeam, GoesOnBitwise) {
    recipe_.epochs = 2;
    recipe_.batch = 9;  // two batches and one of 5 images
    recipe_.lr = 0.02;
    EXPECT_TRUE(run().complete);
    const auto files = {"bend-1.safetensors", "bend-2.safetensors", "history.csv", "curve.yaml"};
    std::vector<std::string> expected;
    for (const char* name : files) expected.push_back(bytes_of(std::filesystem::path(path_) / name));
    par::barrier(world_);
    path_ += "-stopped";
    EXPECT_FALSE(run(world_.rank() == 0 ? 1 : -1).complete);
    EXPECT_FALSE(run(world_.rank() == world_.size() - 1 ? 3 : -1).complete);
    EXPECT_TRUE(run().complete);
    par::barrier(world_);
    for (std::size_t i = 0; const char* name : files) {
        EXPECT_FALSE(expected[i].empty());
        EXPECT_EQ(bytes_of(std::filesystem::path(path_) / name), expected[i++]) << name;
    }
    par::barrier(world_);
}

}  // namespace
}  // namespace orograph::landscape
