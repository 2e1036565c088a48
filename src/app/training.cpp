#include "training.hpp"

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

model::Weights load_end(const std::vector<std::string>& ends, std::size_t number, const model::Network& network) {
    try {
        return model::load_weights(ends[number], network);
    } catch (const Error& error) {
        throw Error(error.code(), cat("curve.ends[", number, "]: ", error.what()));
    }
}

std::string fingerprint_of_weights(const TrainingInputs& training) {
    const auto& network = training.inputs.network;
    if (!training.curve) return model::fingerprint(network, training.inputs.weights);
    return cat(model::fingerprint(network, training.curve->ends[0]), model::fingerprint(network, training.curve->ends[1]));
}

// Everything that shapes the result: the number of ranks too, of which each normalises with its own share of a batch. Where the run lives
// and on how many cores is left out.
std::string fingerprint_of(const Config& config, const TrainingInputs& training, int ranks) {
    const Inputs& inputs = training.inputs;
    return Fingerprint()
        .add(shaping_text(config))
        .add(inputs.dataset.fingerprint)
        .add(fingerprint_of_weights(training) + inputs.network.digest)
        .add(std::to_string(numeric_version))
        .add(ranks > 1 ? cat(ranks, " ranks") : "")
        .hex();
}

}  // namespace

TrainingInputs load_training(const Config& config) {
    TrainingInputs training{load_inputs(config), {}};
    const Inputs& inputs = training.inputs;
    OROGRAPH_VALIDATE(inputs.dataset.find("train"), ExitCode::config, "data.splits has no train split; training needs it");
    if (!config.curve_training) return training;
    const CurveTrainingSection& section = *config.curve_training;
    training.curve = landscape::CurveStart{landscape::curve_kind_from(section.kind),
                                           {load_end(section.ends, 0, inputs.network), load_end(section.ends, 1, inputs.network)},
                                           section.bends,
                                           section.fix_ends};
    return training;
}

train::Outcome run_training(const par::Communicator& team, const Config& config, const Resources& resources,
                            const std::function<bool()>& stop) {
    TrainingInputs training;
    par::agree(team, [&] { training = load_training(config); });
    const Inputs& inputs = training.inputs;
    const train::Recipe recipe = recipe_of(config.train);
    const train::Place place{config.output.folder, fingerprint_of(config, training, team.size()), config.output.overwrite};
    train::Machine machine{resources.threads, resources.device, config.run.progress_s, config.run.progress};
    machine.stop = stop;
    if (!training.curve) return train::train(inputs.network, inputs.weights, inputs.dataset, recipe, place, machine, team);
    const auto learner = landscape::make_curve_learner(inputs.network, *training.curve, recipe, machine.device, team);
    return train::train(*learner, inputs.network, inputs.dataset, recipe, place, machine, team);
}

double measure_step_s(const Config& config, const TrainingInputs& training, const Resources& resources) {
    const Inputs& inputs = training.inputs;
    const train::Recipe recipe = recipe_of(config.train);
    if (!training.curve)
        return train::measure_step_s(inputs.network, inputs.weights, inputs.dataset, recipe, resources.threads, resources.device);
    const auto learner = landscape::make_curve_learner(inputs.network, *training.curve, recipe, resources.device);
    return train::measure_step_s(*learner, inputs.dataset, recipe, resources.threads, resources.device);
}

}  // namespace orograph::app
