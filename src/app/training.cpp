#include "training.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"
#include "orograph/core/version.hpp"

namespace orograph::app {

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

using Items = std::map<std::string, std::string>;

model::Weights load_end(const std::vector<std::string>& ends, std::size_t number, const model::Network& network) {
    try {
        return model::load_weights(ends[number], network);
    } catch (const Error& error) {
        throw Error(error.code(), cat("curve.ends[", number, "]: ", error.what()));
    }
}

std::string list(const std::vector<int>& numbers) {
    std::vector<std::string> words;
    for (const int number : numbers) words.push_back(std::to_string(number));
    return cat("[", join(words), "]");
}

const char* word(bool flag) {
    return flag ? "true" : "false";
}

// Of the recipe's keys those that have a say: sgd's momentum has none where adam is chosen.
Items items_of(const TrainSection& section) {
    Items items{{"train.optimizer", section.optimizer},
                {"train.lr", shortest(section.lr)},
                {"train.weight_decay", shortest(section.weight_decay)},
                {"train.batch", std::to_string(section.batch)},
                {"train.epochs", std::to_string(section.epochs)},
                {"train.schedule", section.schedule},
                {"train.augment.crop", std::to_string(section.augment.crop)},
                {"train.augment.flip", word(section.augment.flip)},
                {"train.seed", std::to_string(section.seed)}};
    if (section.optimizer == "sgd")
        items.insert({{"train.momentum", shortest(section.momentum)}, {"train.nesterov", word(section.nesterov)}});
    else
        items.insert({{"train.beta1", shortest(section.beta1)},
                      {"train.beta2", shortest(section.beta2)},
                      {"train.epsilon", shortest(section.epsilon)}});
    if (section.schedule == "steps")
        items.insert({{"train.milestones", list(section.milestones)}, {"train.factor", shortest(section.factor)}});
    return items;
}

Items items_of(const CurveTrainingSection& section, const landscape::CurveStart& start, const model::Network& network) {
    return {{"curve.kind", section.kind},
            {"curve.bends", std::to_string(section.bends)},
            {"curve.fix_ends", cat("[", word(section.fix_ends[0]), ", ", word(section.fix_ends[1]), "]")},
            {"curve.ends[0]", model::fingerprint(network, start.ends[0])},
            {"curve.ends[1]", model::fingerprint(network, start.ends[1])}};
}

// Everything that shapes the result: the number of ranks too, of which each normalises with its own share of a batch. Where the run and its
// inputs live and on how many cores it runs is left out.
Items fingerprints_of(const Config& config, const TrainingInputs& training, int ranks) {
    const Inputs& inputs = training.inputs;
    Items items = items_of(config.train);
    items.insert({{"model.architecture", inputs.network.architecture},
                  {"data", inputs.dataset.fingerprint},
                  {"number of ranks", std::to_string(ranks)},
                  {"numeric_version", std::to_string(numeric_version)}});
    if (!inputs.network.digest.empty()) items["graph"] = inputs.network.digest;
    if (training.curve) {
        items.merge(items_of(*config.curve_training, *training.curve, inputs.network));
        return items;
    }
    items["weights"] = model::fingerprint(inputs.network, inputs.weights);
    if (config.model.weights.empty() && config.model.file.empty()) items["model.seed"] = std::to_string(config.model.seed);
    return items;
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
    const train::Place place{config.output.folder, fingerprints_of(config, training, team.size()), config.output.overwrite};
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
