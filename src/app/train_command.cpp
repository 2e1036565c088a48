#include "inputs.hpp"
#include "resources.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/version.hpp"
#include "orograph/train/trainer.hpp"

namespace orograph::app {

namespace {

train::Recipe recipe_of(const TrainSection& section) {
    train::Recipe recipe;
    recipe.optimizer = section.optimizer == "adam" ? train::OptimizerKind::adam : train::OptimizerKind::sgd;
    recipe.lr = section.lr;
    recipe.momentum = section.momentum;
    recipe.nesterov = section.nesterov;
    recipe.beta1 = section.beta1;
    recipe.beta2 = section.beta2;
    recipe.epsilon = section.epsilon;
    recipe.weight_decay = section.weight_decay;
    recipe.batch = section.batch;
    recipe.epochs = section.epochs;
    recipe.schedule = section.schedule == "garipov" ? train::Schedule::garipov : train::Schedule::steps;
    recipe.milestones = section.milestones;
    recipe.factor = section.factor;
    recipe.augmentation = {section.augment.crop, section.augment.flip};
    recipe.seed = section.seed;
    return recipe;
}

// Everything that shapes the result; where the run lives and on how many cores is left out.
std::string fingerprint_of(const Config& config, const Inputs& inputs) {
    Config shaping = config;
    shaping.output = {};
    shaping.run = {};
    return Fingerprint()
        .add(write_config(shaping, Comments::without))
        .add(inputs.dataset.fingerprint)
        .add(model::fingerprint(inputs.network, inputs.weights))
        .add(std::to_string(numeric_version))
        .hex();
}

}  // namespace

ExitCode run_train(const par::Communicator& world, const Config& config) {
    OROGRAPH_VALIDATE(world.size() == 1, ExitCode::usage, "train runs on one rank, this job has ", world.size(),
                      "; start it as: orograph train CONFIG");
    const auto resources = choose_resources(world, config.run);
    const auto inputs = load_inputs(config);
    OROGRAPH_VALIDATE(inputs.dataset.find("train"), ExitCode::config, "data.splits has no train split; training needs it");
    const train::Place place{config.output.folder, fingerprint_of(config, inputs), config.output.overwrite};
    const train::Machine machine{resources.threads, resources.device, config.run.progress_s, config.run.progress};
    const auto outcome = train::train(inputs.network, inputs.weights, inputs.dataset, recipe_of(config.train), place, machine);
    if (!outcome.complete) {
        log::info(
            cat(config.output.folder, ": stopped early after ", outcome.epochs_done, " epochs; start the same command again to go on"));
        return ExitCode::stopped;
    }
    const auto& last = outcome.history.back();
    log::info(cat(outcome.final_weights.string(), ": complete, ", outcome.epochs_done, " epochs, train loss ", shortest(last.train_loss),
                  ", train accuracy ", shortest(last.train_acc), " %, test loss ", shortest(last.test_loss), ", test accuracy ",
                  shortest(last.test_acc), " %"));
    return ExitCode::done;
}

}  // namespace orograph::app
