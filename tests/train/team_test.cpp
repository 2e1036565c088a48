// Training of several ranks together, against one process that computes what each of them should.
#include "synthetic.hpp"

#include "orograph/model/forward.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/train/trainer.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace orograph::train {
namespace {

using testing::bytes_of;
using testing::make_dataset;
using testing::TemporaryFolder;

class TeamTest : public ::testing::TestWithParam<std::string> {
protected:
    TeamTest()
        : world_(par::Communicator::world()),
          dataset_(make_dataset(21, 10)),
          network_(model::build_network(GetParam(), 1, 10)),
          start_(model::initial_weights(network_, 5)) {
        recipe_.lr = 0.02;
        recipe_.epochs = 2;
        recipe_.batch = 9;  // two batches and one of 3 images, which not every rank can share
        recipe_.milestones = {1};
        if (world_.rank() == 0) folder_ = std::make_unique<TemporaryFolder>();
        if (folder_) path_ = (*folder_ / "run").string();
        par::broadcast(world_, path_, 0);
    }

    // `steps` until this rank asks to stop; -1: never.
    Outcome run(int steps = -1, const std::string& name = "this") {
        auto asked = std::make_shared<std::atomic<int>>(0);
        Machine machine{.threads = 1, .progress = "none", .save_s = 1e9};
        machine.stop = [asked, steps] { return steps >= 0 && (*asked)++ >= steps; };
        return train(network_, start_, dataset_, recipe_, {path_, {{"run", name}}, false}, machine, world_);
    }

    // Images of the training split, in the layout that training uses: another one rounds otherwise.
    at::Tensor channels_last(const at::Tensor& rows) const {
        const at::Tensor images = dataset_.splits[0].images.index_select(0, rows);
        return at::empty(images.sizes(), images.options(), at::MemoryFormat::ChannelsLast).copy_(images);
    }

    const par::Communicator world_;
    std::unique_ptr<TemporaryFolder> folder_;  // rank 0's
    std::string path_;
    data::Dataset dataset_;
    model::Network network_;
    model::Weights start_;
    Recipe recipe_;
};

// The order of images in an epoch is that of one rank's training, which the unaugmented data set of one batch an epoch shows: a step of the
// whole team is then SGD on the weighted mean of the shares' gradients, each normalised by its own batch norm.
TEST_P(TeamTest, AStepIsTheWeightedMeanOfItsShares) {
    const std::int64_t images = 21;
    recipe_.batch = images;
    recipe_.epochs = 1;
    recipe_.momentum = 0;
    recipe_.nesterov = false;
    recipe_.weight_decay = 0;
    recipe_.augmentation = {0, false};
    run();
    if (world_.rank() != 0) return;
    const model::Weights trained = model::load_weights(std::filesystem::path(path_) / "final.safetensors", network_);

    std::vector<std::int64_t> order(images);
    CounterRandom(recipe_.seed, std::uint64_t{1} << 32).fill_permutation(order);
    at::Tensor parameters = at::zeros_like(start_.parameters), states = at::zeros_like(start_.states);
    std::int64_t first = 0;
    for (int rank = 0; rank < world_.size(); ++rank) {
        const std::int64_t size = images / world_.size() + (rank < images % world_.size() ? 1 : 0);
        const at::Tensor rows = at::tensor(std::vector<std::int64_t>(order.begin() + first, order.begin() + first + size));
        first += size;
        const double fraction = static_cast<double>(size) / static_cast<double>(images);
        std::vector<at::Tensor> leaves;
        for (const at::Tensor& view : model::views(start_.parameters, network_.space.parameters))
            leaves.push_back(view.clone().set_requires_grad(true));
        const at::Tensor moved = start_.states.clone();
        const at::Tensor logits = model::forward(network_, leaves, model::views(moved, network_.space.states), channels_last(rows),
                                                 model::BatchNormMode::update_states);
        at::cross_entropy_loss(logits, dataset_.splits[0].labels.index_select(0, rows)).backward();
        std::vector<at::Tensor> gradients;
        for (const at::Tensor& leaf : leaves) gradients.push_back(leaf.grad().reshape({-1}));
        parameters.add_(at::cat(gradients), fraction);
        states.add_(moved, fraction);
    }
    const at::Tensor expected = start_.parameters - recipe_.lr * parameters;
    const double moved = (start_.parameters - trained.parameters).abs().max().item<double>();
    EXPECT_GT(moved, 1e-4);
    EXPECT_LT((expected - trained.parameters).abs().max().item<double>(), 1e-4 * moved);
    if (states.numel() > 0) {
        EXPECT_TRUE(at::allclose(states, trained.states, 1e-5, 1e-6));
    }
}

TEST_P(TeamTest, GoesOnBitwiseAndHasOneHistory) {
    EXPECT_TRUE(run().complete);
    const std::string weights = bytes_of(std::filesystem::path(path_) / "final.safetensors");
    const std::string history = bytes_of(std::filesystem::path(path_) / "history.csv");
    par::barrier(world_);
    const std::string undisturbed = path_;
    path_ += "-stopped";
    // Rank 0 alone is asked to stop, then the last one alone.
    EXPECT_FALSE(run(world_.rank() == 0 ? 1 : -1).complete);
    EXPECT_FALSE(run(world_.rank() == world_.size() - 1 ? 3 : -1).complete);
    const Outcome outcome = run();
    EXPECT_TRUE(outcome.complete);
    ASSERT_EQ(outcome.history.size(), 2U);
    if (world_.rank() == 0) {
        EXPECT_FALSE(weights.empty());
        EXPECT_EQ(bytes_of(std::filesystem::path(path_) / "final.safetensors"), weights);
        EXPECT_EQ(bytes_of(std::filesystem::path(path_) / "history.csv"), history);
    }
    EXPECT_TRUE(run().complete) << "a finished run is finished on every rank";
    par::barrier(world_);
}

// Loss and accuracy of the whole data set, whoever evaluates which batches.
TEST_P(TeamTest, EvaluatesWholeSplits) {
    recipe_.epochs = 1;
    const Outcome outcome = run();
    par::barrier(world_);
    const model::Weights trained = model::load_weights(std::filesystem::path(path_) / "final.safetensors", network_);
    for (const data::Split& split : dataset_.splits) {
        const at::Tensor logits =
            model::forward(network_, model::views(trained.parameters, network_.space.parameters),
                           model::views(trained.states, network_.space.states), split.images, model::BatchNormMode::use_states);
        const double loss = at::cross_entropy_loss(logits.to(at::kDouble), split.labels).item<double>();
        const bool train = split.name == "train";
        EXPECT_NEAR(train ? outcome.history[0].train_loss : outcome.history[0].test_loss, loss, 1e-5 * loss);
        const double correct = logits.argmax(1).eq(split.labels).sum().item<double>();
        EXPECT_EQ(train ? outcome.history[0].train_acc : outcome.history[0].test_acc, 100 * correct / static_cast<double>(split.size()));
    }
    par::barrier(world_);
}

TEST_P(TeamTest, AllRanksRefuseAForeignFolder) {
    recipe_.epochs = 1;
    run();
    par::barrier(world_);
    try {
        run(-1, "another");
        FAIL() << "was not refused";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::data);
    }
    par::barrier(world_);
}

INSTANTIATE_TEST_SUITE_P(Networks, TeamTest, ::testing::Values("mlp", "resnet20"));

}  // namespace
}  // namespace orograph::train
