#include "recipe.hpp"

#include "orograph/core/error.hpp"

#include <cmath>

namespace orograph::train {

namespace {

double garipov_factor(double done) {
    constexpr double last = 0.01;
    if (done <= 0.5) return 1;
    if (done > 0.9) return last;
    return 1 - (1 - last) * (done - 0.5) / 0.4;
}

}  // namespace

double learning_rate(const Recipe& recipe, int epoch) {
    if (recipe.schedule == Schedule::garipov) return recipe.lr * garipov_factor(static_cast<double>(epoch) / recipe.epochs);
    double rate = recipe.lr;
    for (const int milestone : recipe.milestones) {
        if (epoch >= milestone) rate *= recipe.factor;
    }
    return rate;
}

void validate(const Recipe& recipe) {
    const auto check = [](bool good, const char* key, auto value, const char* allowed) {
        OROGRAPH_VALIDATE(good, ExitCode::config, "train.", key, " is ", value, ": it must be ", allowed);
    };
    check(std::isfinite(recipe.lr) && recipe.lr > 0, "lr", recipe.lr, "a positive number");
    check(std::isfinite(recipe.weight_decay) && recipe.weight_decay >= 0, "weight_decay", recipe.weight_decay, "zero or positive");
    check(recipe.batch >= 1, "batch", recipe.batch, "at least 1");
    check(recipe.epochs >= 1, "epochs", recipe.epochs, "at least 1");
    check(std::isfinite(recipe.factor) && recipe.factor > 0, "factor", recipe.factor, "a positive number");
    if (recipe.optimizer == OptimizerKind::sgd) {
        check(recipe.momentum >= 0 && recipe.momentum < 1, "momentum", recipe.momentum, "in [0, 1)");
        check(!recipe.nesterov || recipe.momentum > 0, "momentum", recipe.momentum, "positive with nesterov");
    } else {
        check(recipe.beta1 >= 0 && recipe.beta1 < 1, "beta1", recipe.beta1, "in [0, 1)");
        check(recipe.beta2 >= 0 && recipe.beta2 < 1, "beta2", recipe.beta2, "in [0, 1)");
        check(std::isfinite(recipe.epsilon) && recipe.epsilon > 0, "epsilon", recipe.epsilon, "a positive number");
    }
}

}  // namespace orograph::train
