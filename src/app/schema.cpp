#include "schema.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/fingerprint.hpp"
#include "orograph/core/text.hpp"
#include "orograph/core/version.hpp"

#include <torch/version.h>

namespace orograph::app {

namespace {

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

void add_places(const Inputs& inputs, survey::SurfaceSchema& schema) {
    Fingerprint digest;
    for (const auto& array : inputs.places) digest.add(array.name).add_values(std::span<const double>(array.values));
    schema.fingerprints["places in the plane"] = digest.hex();
    schema.arrays = inputs.places;
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

survey::SurfaceSchema schema_of(const Config& config, const Inputs& inputs, const std::vector<landscape::Field>& fields,
                                const evaluate::Options& options, const std::string& evaluator) {
    const auto& network = inputs.network;
    survey::SurfaceSchema schema{title_of(config, inputs), survey::Grid(inputs.axes), fields, {}, {}, {}};
    schema.fingerprints = {{"architecture", network.architecture},
                           {"weights", model::fingerprint(network, inputs.weights)},
                           {"data", inputs.dataset.fingerprint},
                           {"loss", config.evaluate.loss},
                           {"batch_norm", config.evaluate.batch_norm},
                           {"evaluate.batch", std::to_string(options.batch)},
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
                         {"weights", inputs.weights_source},
                         {"data", inputs.dataset.set},
                         {"evaluator", evaluator},
                         {"precision", config.evaluate.precision},
                         {"batch_norm", config.evaluate.batch_norm},
                         {"loss", config.evaluate.loss},
                         {"configuration", write_config(config, Comments::without)}};
    if (config.evaluate.convolution != "auto") schema.fingerprints["evaluate.convolution"] = config.evaluate.convolution;
    add_recalibration(inputs, schema);
    if (inputs.curve) add_curve(*inputs.curve, schema);
    if (!inputs.places.empty()) add_places(inputs, schema);
    if (inputs.directions.size() == 2)
        schema.provenance["direction_cosine"] = shortest(landscape::cosine(inputs.directions[0], inputs.directions[1]));
    return schema;
}

}  // namespace orograph::app
