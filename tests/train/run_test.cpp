#include "synthetic.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/forward.hpp"
#include "orograph/train/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace orograph::train {
namespace {

using testing::bytes_of;
using testing::make_dataset;
using testing::TemporaryFolder;

const Machine machine{.threads = 2, .progress = "none"};

Recipe small_recipe(int epochs, std::int64_t batch) {
    Recipe recipe;
    recipe.lr = 0.05;
    recipe.epochs = epochs;
    recipe.batch = batch;
    recipe.milestones = {2};
    recipe.augmentation = {0, false};
    return recipe;
}

// The message and code of the Error that `action` throws.
template <class Action>
std::pair<ExitCode, std::string> error_of(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return {error.code(), error.what()};
    }
    return {ExitCode::done, ""};
}

struct Loss {
    double loss = 0, accuracy = 0;
};

// The definition, in float64, image by image through the plain network.
Loss plain_loss(const model::Network& network, const model::Weights& weights, const data::Split& split) {
    const auto parameters = model::views(weights.parameters.to(at::kDouble), network.space.parameters);
    const auto states = model::views(weights.states.to(at::kDouble), network.space.states);
    const at::Tensor logits = model::forward(network, parameters, states, split.images.to(at::kDouble), model::BatchNormMode::use_states);
    const at::Tensor chosen = at::log_softmax(logits, 1).gather(1, split.labels.unsqueeze(1));
    return {-chosen.mean().item<double>(), 100 * (logits.argmax(1) == split.labels).to(at::kDouble).mean().item<double>()};
}

// Full-batch steps in float64, one tensor at a time, with momentum buffers of their own.
model::Weights plain_training(const model::Network& network, const model::Weights& start, const data::Split& split, const Recipe& recipe) {
    const model::Weights end{start.parameters.to(at::kDouble), start.states.to(at::kDouble)};
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& view : model::views(end.parameters, network.space.parameters)) leaves.push_back(view.detach().requires_grad_());
    const auto states = model::views(end.states, network.space.states);
    std::vector<at::Tensor> buffers(leaves.size());
    for (int epoch = 0; epoch < recipe.epochs; ++epoch) {
        const at::Tensor images = split.images.to(at::kDouble);
        const at::Tensor logits = model::forward(network, leaves, states, images, model::BatchNormMode::update_states);
        const at::Tensor loss = at::nll_loss(at::log_softmax(logits, 1), split.labels);
        const auto gradients = torch::autograd::grad({loss}, {leaves.begin(), leaves.end()});
        const at::NoGradGuard no_grad;
        for (std::size_t i = 0; i < leaves.size(); ++i) {
            const at::Tensor slope = gradients[i] + recipe.weight_decay * leaves[i];
            buffers[i] = buffers[i].defined() ? recipe.momentum * buffers[i] + slope : slope.clone();
            leaves[i] -= (epoch >= 2 ? 0.1 : 1) * recipe.lr * (slope + recipe.momentum * buffers[i]);
        }
    }
    return end;
}

// Of two ways from `start`: float32 to float64.
double relative_difference(const at::Tensor& start, const at::Tensor& end, const at::Tensor& expected_end) {
    const at::Tensor way = end.to(at::kDouble) - start.to(at::kDouble), expected = expected_end - start.to(at::kDouble);
    return ((way - expected).norm() / expected.norm()).item<double>();
}

// ResNet-20's float32 gradient is 0.4 % off here: some of its 500,000 ReLUs are so near their kink that rounding switches them. The mlp has
// few.
TEST(Train, StepsAreThoseOfAPlainFloat64Loop) {
    const auto dataset = make_dataset(12, 0);
    for (const auto& [architecture, tolerance] : {std::pair{"mlp", 1e-4}, std::pair{"resnet20", 5e-2}}) {
        const TemporaryFolder folder;
        const auto network = model::build_network(architecture, 1, 10);
        const auto start = model::initial_weights(network, 3);
        Recipe recipe = small_recipe(3, 1000);
        recipe.lr = 0.01;
        recipe.weight_decay = 0.05;
        const Outcome outcome = train(network, start, dataset, recipe, {folder / "run", {{"run", "f"}}}, machine);
        const auto trained = model::load_weights(outcome.final_weights, network);
        const auto expected = plain_training(network, start, dataset.splits[0], recipe);
        EXPECT_LT(relative_difference(start.parameters, trained.parameters, expected.parameters), tolerance) << architecture;
        if (start.states.numel() > 0) {
            EXPECT_LT(relative_difference(start.states, trained.states, expected.states), tolerance) << architecture;
        }
    }
}

TEST(Train, LearnsFashionMnistAndReportsTheLossOfItsCheckpoints) {
    data::Source source;
    source.limit = 1000;
    const auto dataset = data::load(source);
    const TemporaryFolder folder;
    const auto network = model::build_network("mlp", 1, 10);
    Recipe recipe = small_recipe(3, 50);
    recipe.augmentation = {2, true};
    const Outcome outcome = train(network, model::initial_weights(network, 1), dataset, recipe, {folder / "run", {{"run", "f"}}}, machine);
    ASSERT_TRUE(outcome.complete);
    ASSERT_EQ(outcome.history.size(), 3U);
    EXPECT_LT(outcome.history[2].train_loss, outcome.history[0].train_loss);
    EXPECT_GT(outcome.history[2].test_acc, 60);
    EXPECT_EQ(outcome.history[2].lr, 0.05 * 0.1);
    for (const EpochRecord& record : outcome.history) {
        const auto weights = model::load_weights(folder / ("run/epoch-00" + std::to_string(record.epoch) + ".safetensors"), network);
        const Loss on_train = plain_loss(network, weights, *dataset.find("train"));
        const Loss on_test = plain_loss(network, weights, *dataset.find("test"));
        EXPECT_NEAR(record.train_loss, on_train.loss, 1e-5 * on_train.loss);
        EXPECT_NEAR(record.test_loss, on_test.loss, 1e-5 * on_test.loss);
        EXPECT_DOUBLE_EQ(record.train_acc, on_train.accuracy);
        EXPECT_DOUBLE_EQ(record.test_acc, on_test.accuracy);
    }
    EXPECT_EQ(bytes_of(outcome.final_weights), bytes_of(folder / "run/epoch-003.safetensors"));
}

TEST(Train, LearnsWithResNetAndAdam) {
    const auto dataset = make_dataset(160, 20);
    const TemporaryFolder folder;
    const auto network = model::build_network("resnet20", 1, 10);
    Recipe recipe = small_recipe(4, 32);
    recipe.optimizer = OptimizerKind::adam;
    recipe.lr = 2e-3;
    recipe.milestones = {};
    const Outcome outcome = train(network, model::initial_weights(network, 1), dataset, recipe, {folder / "run", {{"run", "f"}}}, machine);
    ASSERT_EQ(outcome.history.size(), 4U);
    EXPECT_LT(outcome.history[3].train_loss, outcome.history[0].train_loss);
    EXPECT_GT(outcome.history[3].train_acc, 50);
}

TEST(Train, SeedShufflesAndAugments) {
    const auto dataset = make_dataset(60, 0);
    const auto network = model::build_network("mlp", 1, 10);
    const auto start = model::initial_weights(network, 1);
    std::vector<std::string> finals;
    for (const std::uint64_t seed : {1, 1, 2}) {
        const TemporaryFolder folder;
        Recipe recipe = small_recipe(1, 16);
        recipe.augmentation = {4, true};
        recipe.seed = seed;
        const auto outcome = train(network, start, dataset, recipe, {folder / "run", {{"run", "f"}}}, machine);
        finals.push_back(model::fingerprint(network, model::load_weights(outcome.final_weights, network)));
    }
    EXPECT_EQ(finals[0], finals[1]);
    EXPECT_NE(finals[0], finals[2]);
}

TEST(Train, WritesTheHistoryExactly) {
    const auto dataset = make_dataset(48, 0);
    const TemporaryFolder folder;
    const auto network = model::build_network("mlp", 1, 10);
    const auto outcome = train(network, model::initial_weights(network, 1), dataset, small_recipe(2, 16), {folder / "run", {{"run", "f"}}}, machine);
    std::string expected = "epoch,lr,train_loss,train_acc,test_loss,test_acc\n";
    for (const EpochRecord& r : outcome.history) {
        expected += cat(r.epoch, ",", shortest(r.lr), ",", shortest(r.train_loss), ",", shortest(r.train_acc), ",nan,nan\n");
    }
    EXPECT_EQ(bytes_of(folder / "run/history.csv"), expected);
    const Outcome again = train(network, model::initial_weights(network, 1), dataset, small_recipe(2, 16), {folder / "run", {{"run", "f"}}}, machine);
    ASSERT_EQ(again.history.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(again.history[i].train_loss, outcome.history[i].train_loss);
}

TEST(Train, RefusesImpossibleRecipes) {
    const auto dataset = make_dataset(16, 0);
    const auto network = model::build_network("mlp", 1, 10);
    const auto start = model::initial_weights(network, 1);
    const TemporaryFolder folder;
    std::vector<std::pair<std::string, Recipe>> cases;
    const auto add = [&](const std::string& key, auto change) {
        cases.emplace_back(key, small_recipe(1, 8));
        change(cases.back().second);
    };
    add("train.lr", [](Recipe& r) { r.lr = std::numeric_limits<double>::quiet_NaN(); });
    add("train.lr", [](Recipe& r) { r.lr = 0; });
    add("train.batch", [](Recipe& r) { r.batch = 0; });
    add("train.epochs", [](Recipe& r) { r.epochs = 0; });
    add("train.momentum", [](Recipe& r) { r.momentum = 1; });
    add("train.weight_decay", [](Recipe& r) { r.weight_decay = -1; });
    for (const auto& [key, recipe] : cases) {
        const auto [code, message] = error_of([&] { train(network, start, dataset, recipe, {folder / "run", {{"run", "f"}}}, machine); });
        EXPECT_EQ(code, ExitCode::config) << key;
        EXPECT_NE(message.find(key + " is "), std::string::npos) << message;
        EXPECT_FALSE(std::filesystem::exists(folder / "run"));
    }
}

TEST(Train, StopsWhenTheLossIsNotFinite) {
    const auto dataset = make_dataset(64, 0);
    const auto network = model::build_network("mlp", 1, 10);
    const TemporaryFolder folder;
    Recipe recipe = small_recipe(2, 16);
    recipe.lr = 1e30;
    const auto [code, message] = error_of([&] {
        train(network, model::initial_weights(network, 1), dataset, recipe, {folder / "run", {{"run", "f"}}}, machine);
    });
    EXPECT_EQ(code, ExitCode::data);
    EXPECT_NE(message.find("of epoch 1; lower train.lr"), std::string::npos) << message;
}

TEST(Train, RefusesADatasetWithoutTrainingImages) {
    const auto network = model::build_network("mlp", 1, 10);
    const TemporaryFolder folder;
    auto dataset = make_dataset(16, 16);
    dataset.splits.erase(dataset.splits.begin());
    const auto [code, message] = error_of([&] {
        train(network, model::initial_weights(network, 1), dataset, small_recipe(1, 8), {folder / "run", {{"run", "f"}}}, machine);
    });
    EXPECT_EQ(code, ExitCode::config) << message;
}

TEST(Train, RefusesAFolderThatAnotherJobHolds) {
    const auto dataset = make_dataset(16, 0);
    const auto network = model::build_network("mlp", 1, 10);
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "run");
    const FileLock held(folder / "run/train");
    const auto [code, message] = error_of([&] {
        train(network, model::initial_weights(network, 1), dataset, small_recipe(1, 8), {folder / "run", {{"run", "f"}}}, machine);
    });
    EXPECT_EQ(code, ExitCode::cannot_create) << message;
}

}  // namespace
}  // namespace orograph::train
