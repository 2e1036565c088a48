#include "orograph/train/optimizer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace orograph::train {
namespace {

struct Case {
    std::string name;
    Recipe recipe;
    std::array<double, 4> expected;
};

Recipe sgd(double momentum, bool nesterov, double weight_decay) {
    Recipe recipe;
    recipe.momentum = momentum;
    recipe.nesterov = nesterov;
    recipe.weight_decay = weight_decay;
    return recipe;
}

Recipe adam(double beta1, double beta2, double epsilon, double weight_decay) {
    Recipe recipe;
    recipe.optimizer = OptimizerKind::adam;
    recipe.beta1 = beta1;
    recipe.beta2 = beta2;
    recipe.epsilon = epsilon;
    recipe.weight_decay = weight_decay;
    return recipe;
}

// After five steps of torch.optim.SGD and Adam (torch 2.11, float64, lr 0.1) from `start` with the gradients of gradient().
const std::vector<Case> cases{
    {"sgd", sgd(0, false, 0), {0.35, -1.1815, 2, 0.07}},
    {"sgd, weight decay", sgd(0, false, 0.01), {0.347704845062, -1.17545475264, 1.98997005497, 0.0698602797901}},
    {"momentum", sgd(0.9, false, 0.01), {0.17691846667, -1.01251616638, 2.01220806872, 0.171861777738}},
    {"nesterov", sgd(0.9, true, 0.01), {0.0574934687072, -0.962398577515, 2.00083374956, 0.22393490659}},
    {"adam", adam(0.9, 0.999, 1e-8, 0), {0.014916931736, -0.809853931009, 2.28056441514, 0.143494521214}},
    {"adam, weight decay", adam(0.8, 0.99, 1e-3, 0.01), {0.000589062822586, -0.823539190941, 2.15022570048, 0.133527757252}},
};

at::Tensor gradient(int step) {
    const double s = step;
    return at::tensor({0.1 * (s + 1), -0.3 / (s + 1), 0.05 * s - 0.1, step % 2 == 1 ? 0.7 : -0.7}, at::kFloat);
}

at::Tensor start() {
    return at::tensor({0.5, -1.25, 2.0, 0.0}, at::kFloat);
}

at::Tensor run(Optimizer& optimizer, at::Tensor parameters, int first, int last) {
    for (int step = first; step < last; ++step) {
        at::Tensor slope = gradient(step);
        optimizer.step(parameters, slope, 0.1);
    }
    return parameters;
}

TEST(Optimizer, AgreesWithTorchOptim) {
    int compared = 0;
    for (const Case& c : cases) {
        Optimizer optimizer(c.recipe, 4, at::kCPU);
        const at::Tensor parameters = run(optimizer, start(), 0, 5);
        EXPECT_EQ(optimizer.steps(), 5);
        for (std::size_t i = 0; i < 4; ++i, ++compared) {
            EXPECT_NEAR(parameters[static_cast<std::int64_t>(i)].item<double>(), c.expected[i], 1e-6) << c.name << ", element " << i;
        }
    }
    EXPECT_EQ(compared, 24);
}

TEST(Optimizer, GoesOnBitwiseFromItsTensors) {
    int tensors = 0;
    for (const Case& c : cases) {
        Optimizer undisturbed(c.recipe, 4, at::kCPU), before(c.recipe, 4, at::kCPU), after(c.recipe, 4, at::kCPU);
        const at::Tensor expected = run(undisturbed, start(), 0, 6);
        const at::Tensor half = run(before, start(), 0, 3);
        for (std::size_t i = 0; i < before.tensors().size(); ++i, ++tensors) {
            EXPECT_EQ(after.tensors()[i].first, before.tensors()[i].first);
            after.tensors()[i].second.copy_(before.tensors()[i].second);
        }
        after.set_steps(before.steps());
        EXPECT_TRUE(at::equal(run(after, half, 3, 6), expected)) << c.name;
    }
    EXPECT_EQ(tensors, 2 + 2 * 2);
}

TEST(LearningRate, FallsAtTheMilestones) {
    Recipe recipe;
    recipe.lr = 0.5;
    recipe.milestones = {2, 4};
    recipe.factor = 0.5;
    const std::vector<double> expected{0.5, 0.5, 0.25, 0.25, 0.125, 0.125};
    for (int epoch = 0; epoch < 6; ++epoch) EXPECT_EQ(learning_rate(recipe, epoch), expected.at(static_cast<std::size_t>(epoch)));
}

TEST(LearningRate, FollowsTheScheduleOfGaripov) {
    Recipe recipe;
    recipe.schedule = Schedule::garipov;
    recipe.lr = 0.05;
    recipe.epochs = 200;
    EXPECT_DOUBLE_EQ(learning_rate(recipe, 0), 0.05);
    EXPECT_DOUBLE_EQ(learning_rate(recipe, 100), 0.05);
    EXPECT_DOUBLE_EQ(learning_rate(recipe, 140), 0.05 * 0.505);
    EXPECT_DOUBLE_EQ(learning_rate(recipe, 180), 0.05 * 0.01);
    EXPECT_DOUBLE_EQ(learning_rate(recipe, 199), 0.05 * 0.01);
}

}  // namespace
}  // namespace orograph::train
