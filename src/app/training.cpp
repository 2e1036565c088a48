#include "training.hpp"

#include "inputs.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/version.hpp"

namespace orograph::app {

std::string shaping_text(Config config) {
    config.output = {};
    config.run = {};
    return write_config(config, Comments::without);
}

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

namespace {

// Everything that shapes the result: the number of ranks too, of which each normalises with its own share of a batch. Where the run lives
// and on how many cores is left out.
std::string fingerprint_of(const Config& config, const Inputs& inputs, int ranks) {
    return Fingerprint()
        .add(shaping_text(config))
        .add(inputs.dataset.fingerprint)
        .add(model::fingerprint(inputs.network, inputs.weights) + inputs.network.digest)
        .add(std::to_string(numeric_version))
        .add(ranks > 1 ? cat(ranks, " ranks") : "")
        .hex();
}

}  // namespace

train::Outcome train_network(const par::Communicator& team, const Config& config, const Resources& resources,
                             const std::function<bool()>& stop) {
    Inputs inputs;
    par::agree(team, [&] {
        inputs = load_inputs(config);
        OROGRAPH_VALIDATE(inputs.dataset.find("train"), ExitCode::config, "data.splits has no train split; training needs it");
    });
    const train::Place place{config.output.folder, fingerprint_of(config, inputs, team.size()), config.output.overwrite};
    train::Machine machine{resources.threads, resources.device, config.run.progress_s, config.run.progress};
    machine.stop = stop;
    return train::train(inputs.network, inputs.weights, inputs.dataset, recipe_of(config.train), place, machine, team);
}

}  // namespace orograph::app
