#include "inputs.hpp"

#include "directions.hpp"
#include "fixed_states.hpp"

#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/exported.hpp"
#include "orograph/model/forward.hpp"

namespace orograph::app {

namespace {

bool is_exported(const Config& config) {
    return config.model.architecture == model::exported_architecture;
}

// The user's own network must take the data as they are.
void check_exported(const model::Network& network, const std::string& file, const data::Dataset& dataset) {
    const auto [channels, height, width] = network.ops.front().shape;
    const auto images = dataset.splits.front().images.sizes();
    OROGRAPH_VALIDATE(images.slice(1) == at::IntArrayRef({channels, height, width}), ExitCode::data, "the exported model ", file,
                      " takes images of ", channels, "x", height, "x", width, ", and ", dataset.set, " gives ", images[1], "x", images[2],
                      "x", images[3], "; export it with an example of these: torch.zeros(2, ", images[1], ", ", images[2], ", ", images[3],
                      ")");
    OROGRAPH_VALIDATE(network.classes == dataset.classes, ExitCode::data, "the exported model ", file, " gives logits for ",
                      network.classes, " classes, and ", dataset.set, " has ", dataset.classes, "; choose other data, or another model");
}

// Data and the network that takes them: its sizes come from them, or they keep the size that the user's own network was exported for.
void load_data_and_network(const Config& config, Inputs& inputs) {
    data::Source source = source_of(config.data);
    if (!is_exported(config)) {
        inputs.dataset = data::load(source);
        inputs.network = model::build_network(config.model.architecture, inputs.dataset.channels, inputs.dataset.classes);
        return;
    }
    inputs.network = model::load_exported(config.model.file);
    source.image = inputs.network.ops.front().shape;
    inputs.dataset = data::load(source);
    check_exported(inputs.network, config.model.file, inputs.dataset);
    OROGRAPH_VALIDATE(!trains(config.job) || !inputs.network.graph, ExitCode::unavailable, "the exported model ", config.model.file,
                      " cannot be trained here, only surveyed: what it does in training is known for the compiled evaluator's operations "
                      "only, and not for ",
                      evaluate::why_not_compiled(inputs.network), "; train it in PyTorch");
}

// Those of a checkpoint, of the export itself, or fresh ones.
model::Weights weights_of(const ModelSection& section, const model::Network& network) {
    if (!section.weights.empty()) return model::load_weights(section.weights, network);
    return section.file.empty() ? model::initial_weights(network, section.seed) : model::load_weights(section.file, network);
}

// Whether points lie where only statistics of their own have a meaning, so that no message may advise others.
bool lies_between_checkpoints(const Config& config) {
    return config.job == Job::curve && config.curve.kind != "checkpoints";
}

void check_recalibration(const Config& config, const model::Network& network) {
    const bool between = lies_between_checkpoints(config), asked = config.evaluate.batch_norm == "recalibrate";
    const std::string fault = between || asked ? evaluate::why_not_recalibrated(network) : "";
    OROGRAPH_VALIDATE(fault.empty(), ExitCode::unavailable, "batch norm of ", network.architecture, " cannot be recalibrated: ", fault,
                      between ? ", and between checkpoints no other statistics have a meaning; give each place a batch norm of its own"
                              : "; set evaluate.batch_norm: frozen, or give each place a batch norm of its own");
    OROGRAPH_VALIDATE(!between || asked, ExitCode::config, "evaluate.batch_norm is ", config.evaluate.batch_norm,
                      ", but between checkpoints the statistics of batch norm mean nothing; set evaluate.batch_norm: recalibrate");
}

// What brings training images to a job that has none.
std::string way_to_training_images(const Config& config) {
    const bool unnamed = config.data.files && config.data.files->train.empty();
    return cat(unnamed ? "name them in data.files.train and " : "", "set data.splits: [train, test]",
               lies_between_checkpoints(config) ? "" : ", or evaluate.batch_norm: frozen");
}

// Statistics of batch norm that fit the weights of every point: those that are there, or images to take them from.
std::optional<landscape::Recalibration> recalibration_of(const Config& config, const Inputs& inputs) {
    if (model::batch_norms(inputs.network).empty()) return std::nullopt;
    check_recalibration(config, inputs.network);
    if (config.evaluate.batch_norm != "recalibrate") return std::nullopt;
    const data::Split* train = inputs.dataset.find("train");
    OROGRAPH_VALIDATE(train, ExitCode::config, "there are no training images to recalibrate batch norm on: data.splits has no train; ",
                      way_to_training_images(config));
    const auto& [batch, limit] = config.evaluate.recalibrate;
    return landscape::Recalibration{data::slice(*train, 0, std::min(train->size(), limit.value_or(train->size()))), batch};
}

}  // namespace

evaluate::Options fitting_options(evaluate::Options options, const EvaluateSection& section, const model::Network& network) {
    if (section.evaluator != "auto") return options;
    const std::string misfit = evaluate::why_not_compiled(network);
    if (misfit.empty()) return options;
    log::info(cat("evaluate.evaluator auto takes the reference evaluator for ", network.architecture,
                  ": the compiled one has no operation for ", misfit));
    options.kind = evaluate::Kind::reference;
    if (section.instruction_set == "auto") options.instruction_set.clear();
    return options;
}

data::Source source_of(const DataSection& section) {
    data::Source source;
    source.set = section.set;
    source.folder = section.folder;
    if (section.files) source.files = {{"train", section.files->train}, {"test", section.files->test}};
    source.classes = section.classes;
    source.splits = section.splits;
    source.limit = section.limit;
    if (section.sample) source.sample = data::Sample{section.sample->count, section.sample->seed};
    if (section.corrupt) source.corrupt = data::Corruption{section.corrupt->fraction, section.corrupt->seed};
    if (section.normalize) source.normalize = data::Normalization{section.normalize->mean, section.normalize->std};
    return source;
}

Inputs load_inputs(const Config& config) {
    // The weights are the likeliest to be wrong and the quickest to read, but their shapes depend on the data.
    Inputs inputs;
    load_data_and_network(config, inputs);
    if (trains(config.job)) {
        inputs.weights = weights_of(config.model, inputs.network);
        return inputs;
    }
    inputs.recalibration = recalibration_of(config, inputs);
    if (config.job == Job::curve) {
        inputs.curve = load_curve(curve_source_of(config.curve, config.model.architecture), inputs.network);
        inputs.weights = inputs.curve->weights.front();
        warn_of_fixed_states(inputs.network, inputs.recalibration.has_value(), inputs.curve->weights);
        inputs.axes.push_back(axis_of("t", config.grid.t));
    } else if (config.directions.x.kind == "plane") {
        load_plane(config, inputs);
    } else {
        inputs.weights = weights_of(config.model, inputs.network);
        inputs.weights_source = config.model.weights.empty() ? config.model.file : config.model.weights;
        load_directions(config, inputs);
    }
    return inputs;
}

}  // namespace orograph::app
