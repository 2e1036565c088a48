#include "inputs.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"
#include "orograph/core/version.hpp"
#include "orograph/model/exported.hpp"
#include "orograph/survey/direction_file.hpp"

#include <torch/version.h>

namespace orograph::app {

namespace {

landscape::DirectionSpec spec_of(const DirectionSection& section) {
    landscape::DirectionSpec spec;
    spec.seed = section.seed;
    spec.normalize = landscape::normalize_from(section.normalize);
    spec.ignore = landscape::ignore_from(section.ignore);
    spec.space = landscape::space_from(section.space);
    spec.weights = section.weights;
    spec.file = section.file;
    spec.name = section.name;
    spec.kind = section.kind == "towards" ? landscape::DirectionKind::towards
                : section.kind == "file"  ? landscape::DirectionKind::file
                                          : landscape::DirectionKind::random;
    return spec;
}

landscape::Direction load_direction(const Inputs& inputs, const landscape::DirectionSpec& spec) {
    switch (spec.kind) {
        case landscape::DirectionKind::towards:
            return landscape::direction_towards(inputs.network, inputs.weights, spec);
        case landscape::DirectionKind::random:
            return landscape::random_direction(inputs.network, inputs.weights, spec);
        case landscape::DirectionKind::file:
            break;
    }
    std::vector<at::Tensor> tensors;
    for (const auto& stored : survey::read_direction_file(spec.file, spec.name)) {
        tensors.push_back(at::from_blob(const_cast<float*>(stored.values.data()), stored.shape, at::kFloat).clone());
    }
    return landscape::direction_from_tensors(inputs.network, tensors, spec);
}

std::vector<survey::StoredTensor> stored(const at::Tensor& flat, const std::vector<model::TensorSpec>& specs) {
    std::vector<survey::StoredTensor> tensors;
    const float* values = flat.const_data_ptr<float>();
    for (const auto& spec : specs) tensors.push_back({spec.name, spec.shape, {values + spec.offset, values + spec.offset + spec.count}});
    return tensors;
}

survey::StoredDirection stored(const Inputs& inputs, const landscape::Direction& direction, const std::string& axis) {
    survey::StoredDirection out;
    const auto& spec = direction.spec;
    out.axis = axis;
    out.attributes = {{"kind", to_string(spec.kind)}, {"space", to_string(spec.space)}};
    if (spec.kind == landscape::DirectionKind::random) {
        out.attributes["seed"] = std::to_string(spec.seed);
        out.attributes["normalize"] = to_string(spec.normalize);
        out.attributes["ignore"] = to_string(spec.ignore);
    } else {
        out.attributes["source"] =
            spec.kind == landscape::DirectionKind::file ? spec.file.string() + ":" + spec.name : spec.weights.string();
    }
    out.tensors = stored(direction.delta.parameters, inputs.network.space.parameters);
    if (spec.space == landscape::Space::states) {
        for (auto& tensor : stored(direction.delta.states, inputs.network.space.states)) out.tensors.push_back(std::move(tensor));
    }
    return out;
}

std::string instruction_set_of(const evaluate::Options& options) {
    if (!options.device.is_cpu()) return "that of a GPU";
    return options.instruction_set.empty() ? instruction_set() : options.instruction_set;
}

// The user's own network, which must take the data as they are.
model::Network load_exported_network(const std::string& file, const data::Dataset& dataset) {
    model::Network network = model::load_exported(file);
    const auto [channels, height, width] = network.ops.front().shape;
    const auto images = dataset.splits.front().images.sizes();
    OROGRAPH_VALIDATE(images.slice(1) == at::IntArrayRef({channels, height, width}), ExitCode::data, "the exported model ", file,
                      " takes images of ", channels, "x", height, "x", width, ", and ", dataset.set, " gives ", images[1], "x", images[2],
                      "x", images[3], " (28x28 is padded to 32x32); export it with an example of these: torch.zeros(2, ", images[1], ", ",
                      images[2], ", ", images[3], ")");
    OROGRAPH_VALIDATE(network.classes == dataset.classes, ExitCode::data, "the exported model ", file, " gives logits for ",
                      network.classes, " classes, and ", dataset.set, " has ", dataset.classes, "; choose other data, or another model");
    return network;
}

model::Network network_of(const Config& config, const data::Dataset& dataset) {
    if (config.model.architecture != model::exported_architecture)
        return model::build_network(config.model.architecture, dataset.channels, dataset.classes);
    model::Network network = load_exported_network(config.model.file, dataset);
    OROGRAPH_VALIDATE(!trains(config.job) || !network.graph, ExitCode::unavailable, "the exported model ", config.model.file,
                      " cannot be trained here, only surveyed: what it does in training is known for the compiled evaluator's operations "
                      "only, and not for ",
                      evaluate::why_not_compiled(network), "; train it in PyTorch");
    return network;
}

// Those of a checkpoint, of the export itself, or fresh ones.
model::Weights weights_of(const ModelSection& section, const model::Network& network) {
    if (!section.weights.empty()) return model::load_weights(section.weights, network);
    return section.file.empty() ? model::initial_weights(network, section.seed) : model::load_weights(section.file, network);
}

survey::Axis axis_of(const char* name, const std::vector<double>& range) {
    return survey::linear_axis(name, range[0], range[1], static_cast<std::int64_t>(range[2]));
}

// Statistics of batch norm that fit the weights of every point: those that are there, or images to take them from.
std::optional<landscape::Recalibration> recalibration_of(const Config& config, const Inputs& inputs) {
    if (inputs.network.space.state_count() == 0) return std::nullopt;
    if (config.evaluate.batch_norm != "recalibrate") {
        OROGRAPH_VALIDATE(config.job != Job::curve || config.curve.kind == "checkpoints", ExitCode::config,
                          "evaluate.batch_norm is frozen, but between checkpoints the statistics of batch norm mean nothing; set "
                          "evaluate.batch_norm: recalibrate");
        return std::nullopt;
    }
    const data::Split* train = inputs.dataset.find("train");
    OROGRAPH_VALIDATE(train, ExitCode::config,
                      "there are no training images to recalibrate batch norm on: data.splits has no train; add it, or set "
                      "evaluate.batch_norm: frozen where that has a meaning");
    const auto& [batch, limit] = config.evaluate.recalibrate;
    return landscape::Recalibration{data::slice(*train, 0, std::min(train->size(), limit.value_or(train->size()))), batch};
}

void load_directions(const Config& config, Inputs& inputs) {
    inputs.weights = weights_of(config.model, inputs.network);
    inputs.directions.push_back(load_direction(inputs, spec_of(config.directions.x)));
    inputs.axes.push_back(axis_of("x", config.grid.x));
    if (config.job == Job::line) return;
    inputs.directions.push_back(load_direction(inputs, spec_of(config.directions.y)));
    inputs.axes.push_back(axis_of("y", config.grid.y));
    if (config.directions.orthogonalize) landscape::orthogonalize(inputs.directions[0], inputs.directions[1]);
}

std::string title_of(const Config& config, const Inputs& inputs) {
    return cat("Loss ", to_string(config.job), " of ", inputs.network.architecture, " on ", inputs.dataset.set);
}

// Where each point's statistics of batch norm come from.
void add_recalibration(const Inputs& inputs, survey::SurfaceSchema& schema) {
    if (!inputs.recalibration) return;
    const auto batch = std::to_string(inputs.recalibration->batch), images = std::to_string(inputs.recalibration->images.size());
    schema.fingerprints.insert({{"evaluate.recalibrate.batch", batch}, {"recalibration images", images}});
    schema.provenance.insert({{"recalibrate_batch", batch}, {"recalibrate_images", images}});
}

void add_curve(const LoadedCurve& curve, survey::SurfaceSchema& schema) {
    Fingerprint points;
    std::vector<std::string> sources;
    for (const auto& file : curve.files) {
        points.add(file.fingerprint);
        sources.push_back(file.source.string());
    }
    const auto decay = shortest(curve.source.weight_decay);
    schema.fingerprints.insert({{"curve", curve.source.kind}, {"curve.weight_decay", decay}});
    schema.fingerprints["weights"] = points.hex();
    schema.provenance.insert({{"curve", curve.source.kind}, {"curve_weight_decay", decay}});
    schema.provenance["weights"] = join(sources);
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
    inputs.dataset = data::load(source_of(config.data));
    inputs.network = network_of(config, inputs.dataset);
    if (trains(config.job)) {
        inputs.weights = weights_of(config.model, inputs.network);
        return inputs;
    }
    inputs.recalibration = recalibration_of(config, inputs);
    if (config.job != Job::curve) {
        load_directions(config, inputs);
        return inputs;
    }
    inputs.curve = load_curve(curve_source_of(config.curve, config.model.architecture), inputs.network);
    inputs.weights = inputs.curve->weights.front();
    inputs.axes.push_back(axis_of("t", config.grid.t));
    return inputs;
}

survey::SurfaceSchema schema_of(const Config& config, const Inputs& inputs, const std::vector<landscape::Field>& fields,
                                const evaluate::Options& options, const std::string& evaluator) {
    const auto& network = inputs.network;
    survey::SurfaceSchema schema{title_of(config, inputs), survey::Grid(inputs.axes), fields, {}, {}, {}};
    schema.fingerprints = {{"architecture", network.architecture},
                           {"weights", model::fingerprint(network, inputs.weights)},
                           {"data", inputs.dataset.fingerprint},
                           {"loss", config.evaluate.loss},
                           {"batch_norm", config.evaluate.batch_norm},
                           {"evaluate.evaluator", options.kind == evaluate::Kind::reference ? "reference" : "compiled"},
                           {"evaluate.instruction_set", instruction_set_of(options)},
                           {"evaluate.precision", config.evaluate.precision},
                           {"evaluator", evaluator},
                           {"numeric_version", std::to_string(numeric_version)}};
    if (!network.digest.empty()) schema.fingerprints["graph"] = network.digest;
    const char* axes[] = {"x", "y"};
    for (std::size_t i = 0; i < inputs.directions.size(); ++i) {
        schema.directions.push_back(stored(inputs, inputs.directions[i], axes[i]));
        schema.fingerprints[cat("direction ", axes[i])] = landscape::fingerprint(inputs.directions[i]);
    }
    schema.provenance = {{"program", "orograph"},
                         {"version", version()},
                         {"libtorch", TORCH_VERSION},
                         {"architecture", network.architecture},
                         {"weights", config.model.weights.empty() ? config.model.file : config.model.weights},
                         {"data", inputs.dataset.set},
                         {"evaluator", evaluator},
                         {"precision", config.evaluate.precision},
                         {"batch_norm", config.evaluate.batch_norm},
                         {"loss", config.evaluate.loss},
                         {"configuration", write_config(config, Comments::without)}};
    add_recalibration(inputs, schema);
    if (inputs.curve) add_curve(*inputs.curve, schema);
    if (inputs.directions.size() == 2)
        schema.provenance["direction_cosine"] = shortest(landscape::cosine(inputs.directions[0], inputs.directions[1]));
    return schema;
}

}  // namespace orograph::app
