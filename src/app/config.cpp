#include "orograph/app/config.hpp"

#include "config_checks.hpp"

#include "orograph/core/text.hpp"
#include "orograph/data/dataset.hpp"
#include "orograph/model/exported.hpp"

#include <algorithm>

namespace orograph::app {

namespace {

const std::vector<std::string> kinds{"random", "towards", "file", "plane"};
const std::vector<std::string> trained_kinds{"bezier", "polychain"};
const std::vector<std::string> curve_kinds{"bezier", "polychain", "segment", "checkpoints"};
const std::vector<std::string> normalizations{"none", "filter", "layer", "weight", "dfilter", "dlayer"};
const std::vector<std::string> ignores{"none", "biasbn", "li-compat"};
const std::vector<std::string> spaces{"parameters", "states"};
const std::vector<std::string> losses{"cross_entropy", "mse"};
const std::vector<std::string> precisions{"fp32", "tf32", "bf16"};
const std::vector<std::string> policies{"frozen", "states", "recalibrate"};
const std::vector<std::string> evaluators{"auto", "compiled", "reference"};
const std::vector<std::string> instruction_sets{"auto", "avx2", "avx512"};
const std::vector<std::string> convolutions{"auto", "direct"};
const std::vector<std::string> optimizers{"sgd", "adam"};
const std::vector<std::string> schedules{"steps", "garipov"};
const std::vector<std::string> devices{"auto", "cpu", "cuda"};
const std::vector<std::string> styles{"auto", "bar", "lines", "none"};
const std::vector<std::string> levels{"debug", "info", "warn", "error"};

std::vector<std::string> architectures() {
    std::vector<std::string> names = model::known_architectures();
    names.emplace_back(model::exported_architecture);
    return names;
}

struct OutputOf {
    OutputSection& section;
    Job job;
};

}  // namespace

// Found by argument-dependent lookup from FieldReader and FieldWriter.
template <class Fields>
void visit(Fields& fields, ModelSection& s) {
    fields.choice("architecture", s.architecture, architectures(), "orograph show architectures; exported: your own, in model.file");
    fields.text("file", s.file, "exported: what orograph.export wrote in Python");
    fields.text("weights", s.weights, "safetensors or of torch.save; FILE#bend=1 of a curve; train: where to start, empty: fresh weights");
    fields.integer("seed", s.seed, at_least_0, "of fresh weights (train)");
}

template <class Fields>
void visit(Fields& fields, NormalizeSection& s) {
    fields.numbers("mean", s.mean, "one a channel, of pixels in [0, 1]; of float32 arrays in their own scale");
    fields.numbers("std", s.std, "one a channel");
}

template <class Fields>
void visit(Fields& fields, SampleSection& s) {
    fields.integer("count", s.count, at_least_1, "images drawn of each split");
    fields.integer("seed", s.seed, at_least_0, "");
}

template <class Fields>
void visit(Fields& fields, FilesSection& s) {
    fields.text("train", s.train, "");
    fields.text("test", s.test, "");
}

template <class Fields>
void visit(Fields& fields, CorruptSection& s) {
    fields.number("fraction", s.fraction, Limits{0, 1}, "of the train images");
    fields.integer("seed", s.seed, at_least_0, "");
}

template <class Fields>
void visit(Fields& fields, DataSection& s) {
    fields.choice("set", s.set, data::known_sets(), "");
    fields.text("folder", s.folder, "where a known set's files are; empty: Debian's place for fashion-mnist");
    fields.section("files", s.files, "{train: FILE, test: FILE}, arrays: HDF5 or safetensors with images [N, C, 32, 32] and labels [N]");
    fields.integer("classes", s.classes, at_least_1, "arrays (absent: the largest label plus 1)");
    fields.texts("splits", s.splits, "train, test, or both");
    fields.integer("limit", s.limit, at_least_1, "the first n images of each split, or all that it has (absent: all)");
    fields.section("sample", s.sample, "{count: n, seed: s} draws n images of each split instead");
    fields.section("corrupt", s.corrupt, "{fraction: f, seed: s} gives that part of the train images random labels");
    fields.section("normalize", s.normalize, "{mean: [...], std: [...]} (absent: the set's usual constants; arrays: 0 and 1)");
}

template <class Fields>
void visit(Fields& fields, DirectionSection& s) {
    fields.choice("kind", s.kind, kinds, "");
    fields.integer("seed", s.seed, at_least_0, "random");
    fields.choice("normalize", s.normalize, normalizations, "random");
    fields.choice("ignore", s.ignore, ignores, "random, tensors of one dimension");
    fields.choice("space", s.space, spaces, "states: BN statistics move too");
    fields.text("weights", s.weights, "towards: the other checkpoint; plane: x the second point, y the third");
    fields.text("file", s.file, "file: Li et al.'s direction file");
    fields.text("name", s.name, "file: the group in it");
}

template <class Fields>
void visit(Fields& fields, DirectionsSection& s) {
    fields.section("x", s.x, "");
    if (s.has_y) {
        fields.section("y", s.y, "");
        fields.flag("orthogonalize", s.orthogonalize, "take the part along x out of y");
    }
}

template <class Fields>
void visit(Fields& fields, GridSection& s) {
    if (s.axes == GridAxes::t) return fields.numbers("t", s.t, "first, last, count; checkpoints: their numbers from 0 (absent: all)");
    fields.numbers("x", s.x, "first, last, count; plane: 0 and 1 are the two points on the axis");
    if (s.axes == GridAxes::xy) fields.numbers("y", s.y, "first, last, count; plane: 0 and 1 are the heights of the points");
}

template <class Fields>
void visit(Fields& fields, CurveSection& s) {
    fields.text("file", s.file, "the index that training wrote, curve.yaml; then only kind: segment may be given beside it");
    fields.choice("kind", s.kind, curve_kinds, "bezier where neither this nor a file is given");
    fields.texts("ends", s.ends, "two checkpoints, as model.weights takes them");
    fields.texts("bends", s.bends, "bezier, polychain: the checkpoints between the ends");
    fields.texts("files", s.files, "checkpoints: which");
    fields.number("weight_decay", s.weight_decay, at_least_0, "of loss = nll + 0.5 wd |phi|^2 (absent: the index's, or 0)");
}

template <class Fields>
void visit(Fields& fields, CurveTrainingSection& s) {
    fields.choice("kind", s.kind, trained_kinds, "");
    fields.texts("ends", s.ends, "two checkpoints");
    fields.integer("bends", s.bends, Limits{0, 100}, "points between the ends, which start on the straight segment");
    fields.flags("fix_ends", s.fix_ends, "false: that end is trained too");
}

template <class Fields>
void visit(Fields& fields, ShownCurveSection& s) {
    visit(fields, static_cast<CurveSection&>(s));
    fields.integer("samples", s.samples, Limits{2, 1e6}, "values of t whose places in the plane are stored");
}

template <class Fields>
void visit(Fields& fields, RecalibrateSection& s) {
    fields.integer("batch", s.batch, Limits{2, 1e6}, "images a batch");
    fields.integer("limit", s.limit, at_least_1, "the first n of the train images (absent: all)");
}

template <class Fields>
void visit(Fields& fields, EvaluateSection& s) {
    fields.choice("loss", s.loss, losses, "");
    fields.choice("precision", s.precision, precisions, "tf32: GPUs; bf16: GPUs, CPUs with avx512_bf16; the error against fp32 is stored");
    fields.choice("batch_norm", s.batch_norm, policies, "recalibrate: each point's own statistics, from a pass over train images");
    fields.section("recalibrate", s.recalibrate, "batch_norm: recalibrate");
    fields.choice("evaluator", s.evaluator, evaluators, "auto: compiled, or reference for a network that does not fit it");
    fields.choice("instruction_set", s.instruction_set, instruction_sets,
                  "compiled on CPUs; auto: the widest of rank 0's CPU, for all ranks");
    fields.choice("convolution", s.convolution, convolutions, "compiled on CPUs; auto: Winograd where it is faster, layer by layer");
    fields.integer("batch", s.batch, at_least_0, "images a batch; 0: the evaluator's choice");
}

template <class Fields>
void visit(Fields& fields, AugmentSection& s) {
    fields.integer("crop", s.crop, Limits{0, 16}, "zero padding before a random crop");
    fields.flag("flip", s.flip, "mirror half of the images");
}

template <class Fields>
void visit(Fields& fields, TrainSection& s) {
    fields.choice("optimizer", s.optimizer, optimizers, "");
    fields.number("lr", s.lr, at_least_0, "");
    fields.number("momentum", s.momentum, Limits{0, 1}, "sgd");
    fields.flag("nesterov", s.nesterov, "sgd");
    fields.number("beta1", s.beta1, Limits{0, 1}, "adam");
    fields.number("beta2", s.beta2, Limits{0, 1}, "adam");
    fields.number("epsilon", s.epsilon, at_least_0, "adam");
    fields.number("weight_decay", s.weight_decay, at_least_0, "");
    fields.integer("batch", s.batch, at_least_1, "");
    fields.integer("epochs", s.epochs, at_least_1, "");
    fields.choice("schedule", s.schedule, schedules, "garipov: lr for half of the epochs, then linearly to a hundredth");
    fields.integers("milestones", s.milestones, at_least_0, "steps: after so many epochs the rate is multiplied by factor");
    fields.number("factor", s.factor, at_least_0, "steps");
    fields.section("augment", s.augment, "");
    fields.integer("seed", s.seed, at_least_0, "of order and augmentation");
}

template <class Fields>
void visit(Fields& fields, OutputOf& s) {
    if (trains(s.job)) {
        fields.text("folder", s.section.folder,
                    s.job == Job::train ? "checkpoints, history.csv, resume state" : "of the runs' folders, runs.h5 and runs.csv");
    } else {
        fields.text("file", s.section.file, "the surface file");
    }
    fields.flag("overwrite", s.section.overwrite, "replace what another configuration made");
}

template <class Fields>
void visit(Fields& fields, RunSection& s) {
    fields.integer("shards", s.shards, at_least_1, "ranks that compute one point together");
    fields.integer("threads", s.threads, at_least_0, "a rank; 0: its share of the cores that the launcher gave");
    fields.flag("master_works", s.master_works, "false: rank 0 only leases");
    fields.choice("device", s.device, devices, "");
    fields.number("progress_s", s.progress_s, Limits{0.1, 1e6}, "seconds between progress lines");
    fields.choice("progress", s.progress, styles, "");
    fields.number("sync_s", s.sync_s, Limits{0.1, 1e6}, "seconds between flushes to disk");
    fields.number("lease_timeout_s", s.lease_timeout_s, Limits{0, 1e9}, "seconds for a point, after which its ranks hang; 0: no limit");
    fields.integer("lease_retries", s.lease_retries, at_least_0, "of a point whose ranks hung, before it is given up (status 3)");
    fields.flag("retry_failed", s.retry_failed, "compute points again that were given up");
    fields.choice("log", s.log, levels, "");
}

template <class Fields>
void visit(Fields& fields, Config& config) {
    fields.section("model", config.model, "");
    fields.section("data", config.data, "");
    if (config.job == Job::sweep)
        fields.lists("over", config.over, "model.seed: [1, 2]; every combination of the values is a run; \"a,b\": [...] sets both keys");
    if (trains(config.job)) {
        fields.section("curve", config.curve_training,
                       "{ends: [A, B], bends: 1} trains a curve between two checkpoints (Garipov et al. 2018)");
        fields.section("train", config.train, "");
    } else {
        if (config.job == Job::curve)
            fields.section("curve", config.curve, "Garipov et al. 2018, sec. 3");
        else
            fields.section("directions", config.directions, "Li et al. 2018, sec. 4");
        if (config.job == Job::surface) fields.section("curve", config.shown_curve, "a curve whose places in the plane are stored");
        fields.section("grid", config.grid, "");
        fields.section("evaluate", config.evaluate, "");
    }
    OutputOf output{config.output, config.job};
    fields.section("output", output, "");
    fields.section("run", config.run, "");
}

const char* to_string(Job job) {
    switch (job) {
        case Job::train:
            return "train";
        case Job::sweep:
            return "sweep";
        case Job::line:
            return "line";
        case Job::curve:
            return "curve";
        default:
            return "surface";
    }
}

bool trains(Job job) {
    return job == Job::train || job == Job::sweep;
}

Config default_config(Job job) {
    Config config;
    config.job = job;
    config.directions.has_y = job == Job::surface;
    config.grid.axes = job == Job::curve ? GridAxes::t : job == Job::surface ? GridAxes::xy : GridAxes::x;
    config.output.file = cat("out/", to_string(job), ".h5");
    config.output.folder = cat("out/", to_string(job));
    if (job == Job::sweep) config.run.lease_timeout_s = 0;  // a training may take days
    if (job == Job::curve) {
        config.evaluate.batch_norm = "recalibrate";
        config.curve.file = "out/train/curve.yaml";
    } else if (!trains(job)) {
        config.model.weights = "weights/resnet20.safetensors";
    }
    return config;
}

Config read_config(Job job, const std::string& text, const std::string& origin, const std::vector<std::string>& overrides) {
    Value root = parse_yaml(text, origin);
    OROGRAPH_VALIDATE(root.kind == Value::Kind::map || root.kind == Value::Kind::null, ExitCode::config, origin,
                      ": the configuration must be keys and values");
    for (const auto& assignment : overrides) apply_override(root, assignment);
    check_job(root, job, origin);

    Config config = default_config(job);
    config.model.weights.clear();
    config.curve.file.clear();
    if (trains_curve(root, job)) {
        check_trained_kind(root, origin);
        config.curve_training.emplace();
        config.train.nesterov = false;
        config.train.schedule = "garipov";
    }
    FieldReader reader(&root, "", origin);
    std::string job_name;
    reader.text("job", job_name, "");
    visit(reader, config);
    reader.finish();
    const Value* grid = root.find("grid");
    if (config.curve.kind == "checkpoints" && (!grid || !grid->find("t")))
        config.grid.t = {0, static_cast<double>(config.curve.files.size()) - 1, static_cast<double>(config.curve.files.size())};
    if (config.directions.x.kind == "plane" && !grid) config.grid.x = config.grid.y = {-0.2, 1.2, 21};
    check(config, origin);
    return config;
}

std::string write_config(const Config& config, Comments comments) {
    FieldWriter writer(comments);
    writer.text("job", to_string(config.job), "");
    visit(writer, const_cast<Config&>(config));
    return writer.str();
}

}  // namespace orograph::app
