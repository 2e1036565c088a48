#include "config_checks.hpp"

#include "orograph/core/text.hpp"
#include "orograph/model/exported.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::app {

namespace {

void check_axis(const std::vector<double>& axis, const std::string& name, const std::string& origin) {
    OROGRAPH_VALIDATE(axis.size() == 3, ExitCode::config, origin, ": grid.", name, " takes three numbers: first, last, count (it has ",
                      axis.size(), ")");
    OROGRAPH_VALIDATE(axis[2] == std::floor(axis[2]) && axis[2] >= 1 && axis[2] <= 1e9, ExitCode::config, origin, ": grid.", name,
                      " asks for ", shortest(axis[2]), " points; the count is a whole number of at least 1");
    OROGRAPH_VALIDATE(axis[2] == 1 || axis[0] != axis[1], ExitCode::config, origin, ": grid.", name, " goes from ", shortest(axis[0]),
                      " to the same value; give a range, or one point");
}

// Where a curve's points come from: the index that training wrote, or checkpoints.
void check_curve_files(const CurveSection& s, const std::string& origin) {
    const std::string kind = s.kind.value_or("bezier");
    if (!s.file.empty()) {
        OROGRAPH_VALIDATE(!s.kind || kind == "segment", ExitCode::config, origin,
                          ": curve.file says the kind of the curve; remove curve.kind: ", kind,
                          " (only segment may be given, for the straight line between its ends)");
        OROGRAPH_VALIDATE(s.ends.empty() && s.bends.empty() && s.files.empty(), ExitCode::config, origin,
                          ": curve.file names all points of the curve; remove curve.ends, bends and files, or curve.file");
        return;
    }
    if (kind == "checkpoints") {
        OROGRAPH_VALIDATE(s.ends.empty() && s.bends.empty(), ExitCode::config, origin,
                          ": curve.kind checkpoints takes curve.files, not ends and bends");
        OROGRAPH_VALIDATE(s.files.size() >= 2, ExitCode::config, origin, ": curve.files names ", s.files.size(),
                          s.files.size() == 1 ? " checkpoint" : " checkpoints", "; give at least two");
        return;
    }
    OROGRAPH_VALIDATE(s.files.empty(), ExitCode::config, origin, ": curve.files is for curve.kind checkpoints; a ", kind,
                      " takes curve.ends", kind == "segment" ? "" : " and curve.bends");
    OROGRAPH_VALIDATE(s.ends.size() == 2, ExitCode::config, origin, ": curve.ends names ", s.ends.size(),
                      s.ends.size() == 1 ? " checkpoint" : " checkpoints", "; give two, or the index that training wrote in curve.file");
    OROGRAPH_VALIDATE(s.bends.empty() == (kind == "segment"), ExitCode::config, origin,
                      kind == "segment" ? ": a segment has no curve.bends; remove them, or take curve.kind: bezier"
                                        : ": curve.bends is empty; name the checkpoints between the ends, or take curve.kind: segment");
}

void check_curve(const Config& config, const std::string& origin) {
    check_curve_files(config.curve, origin);
    const auto& t = config.grid.t;
    check_axis(t, "t", origin);
    if (config.curve.kind == "checkpoints") {
        const auto last = static_cast<double>(config.curve.files.size() - 1);
        const bool whole = t[0] == std::floor(t[0]) && (t[2] == 1 || std::fmod(t[1] - t[0], t[2] - 1) == 0);
        OROGRAPH_VALIDATE(whole && std::min(t[0], t[1]) >= 0 && std::max(t[0], t[1]) <= last, ExitCode::config, origin, ": grid.t is ",
                          shortest(t[0]), ", ", shortest(t[1]), ", ", shortest(t[2]), ", but checkpoints have the numbers 0 to ",
                          shortest(last), "; leave grid.t out to take all");
    } else {
        OROGRAPH_VALIDATE(std::min(t[0], t[1]) >= 0 && std::max(t[0], t[1]) <= 1, ExitCode::config, origin, ": grid.t goes from ",
                          shortest(t[0]), " to ", shortest(t[1]), "; t lies between 0 and 1, the two ends of the curve");
    }
    OROGRAPH_VALIDATE(config.evaluate.loss == "cross_entropy", ExitCode::config, origin, ": evaluate.loss is '", config.evaluate.loss,
                      "', but a curve's nll is the cross-entropy; set evaluate.loss: cross_entropy");
    OROGRAPH_VALIDATE(
        config.evaluate.batch_norm != "states", ExitCode::config, origin,
        ": evaluate.batch_norm states moves statistics along directions, which a curve has not; set evaluate.batch_norm: recalibrate");
    OROGRAPH_VALIDATE(config.model.weights.empty(), ExitCode::config, origin,
                      ": model.weights has no use here; the checkpoints of a curve are curve.ends and curve.bends");
}

// A plane through three points needs two more than the centre, unless they are those of a curve.
void check_plane(const Config& config, const std::string& origin) {
    const DirectionSection &x = config.directions.x, &y = config.directions.y;
    const bool plane = config.job == Job::surface && x.kind == "plane" && y.kind == "plane";
    OROGRAPH_VALIDATE(plane || x.kind != "plane", ExitCode::config, origin, ": directions.x.kind is plane, but a plane needs ",
                      config.job == Job::line ? "two directions; set job: surface and run: orograph surface"
                                              : "directions.y.kind plane too, with its weights");
    OROGRAPH_VALIDATE(plane || config.job == Job::line || y.kind != "plane", ExitCode::config, origin,
                      ": directions.y.kind is plane, but a plane needs directions.x.kind plane too, with its weights");
    OROGRAPH_VALIDATE(plane || !config.shown_curve, ExitCode::config, origin,
                      ": a curve is shown in a plane through its points; set directions.x.kind and directions.y.kind to plane, or remove "
                      "curve");
    if (!plane) return;
    for (const auto& [name, direction] : {std::pair("x", &x), std::pair("y", &y)}) {
        OROGRAPH_VALIDATE(direction->space == "parameters", ExitCode::config, origin, ": directions.", name,
                          ".space is states, but a plane lies in the space of parameters; set directions.", name, ".space: parameters");
        OROGRAPH_VALIDATE(config.shown_curve || !direction->weights.empty(), ExitCode::config, origin, ": directions.", name,
                          ".kind plane needs directions.", name, ".weights, or a curve section");
    }
    OROGRAPH_VALIDATE(config.evaluate.batch_norm != "states", ExitCode::config, origin,
                      ": evaluate.batch_norm states moves statistics along directions, and a plane lies in the space of parameters; set "
                      "evaluate.batch_norm: recalibrate");
    if (!config.shown_curve) return;
    check_curve_files(*config.shown_curve, origin);
    OROGRAPH_VALIDATE(config.shown_curve->kind != "checkpoints", ExitCode::config, origin,
                      ": curve.kind checkpoints is for job curve; a plane shows a bezier, polychain or segment");
}

void check_direction(const DirectionSection& s, const std::string& name, const std::string& origin) {
    OROGRAPH_VALIDATE(s.kind != "towards" || !s.weights.empty(), ExitCode::config, origin, ": directions.", name,
                      ".kind towards needs directions.", name, ".weights");
    OROGRAPH_VALIDATE(s.kind != "file" || !s.file.empty(), ExitCode::config, origin, ": directions.", name, ".kind file needs directions.",
                      name, ".file");
}

void check_model(const ModelSection& s, bool needs_weights, const std::string& origin) {
    const bool exported = s.architecture == model::exported_architecture;
    OROGRAPH_VALIDATE(exported || s.file.empty(), ExitCode::config, origin, ": model.file is for model.architecture: exported, not ",
                      s.architecture, "; a checkpoint goes to model.weights");
    OROGRAPH_VALIDATE(!exported || !s.file.empty(), ExitCode::config, origin,
                      ": model.architecture exported needs model.file, which orograph.export writes in Python");
    OROGRAPH_VALIDATE(exported || !needs_weights || !s.weights.empty(), ExitCode::config, origin,
                      ": model.weights is missing; name the checkpoint at the centre");
}

void check_curve_training(const Config& config, const std::string& origin) {
    const CurveTrainingSection& s = *config.curve_training;
    OROGRAPH_VALIDATE(config.model.weights.empty(), ExitCode::config, origin,
                      ": model.weights has no use for a curve, which starts on the straight segment between curve.ends; remove it");
    OROGRAPH_VALIDATE(config.train.optimizer == "sgd", ExitCode::config, origin, ": train.optimizer is ", config.train.optimizer,
                      "; a curve is trained with sgd");
    if (config.job == Job::sweep) return;
    OROGRAPH_VALIDATE(s.ends.size() == 2, ExitCode::config, origin, ": curve.ends names ", s.ends.size(),
                      s.ends.size() == 1 ? " checkpoint" : " checkpoints", "; give the two that the curve is to join");
    OROGRAPH_VALIDATE(s.bends > 0 || !s.fix_ends[0] || !s.fix_ends[1], ExitCode::config, origin,
                      ": curve.bends is 0 and both ends are fixed: nothing is left to train; take curve.bends: 1, or free an end");
}

// A plane cannot be a line.
bool asks_for_plane(const Value& root) {
    const Value* value = &root;
    for (const char* key : {"directions", "x", "kind"}) value = value ? value->find(key) : nullptr;
    return value && value->scalar == "plane";
}

}  // namespace

void check_job(const Value& root, Job job, const std::string& origin) {
    if (const Value* named = root.find("job")) {
        OROGRAPH_VALIDATE(named->scalar == to_string(job), ExitCode::config, origin, ":", named->line,
                          ": this is a configuration for job '", named->scalar, "'; run: orograph ", named->scalar, " ", origin);
    }
    const Value* grid = root.find("grid");
    if (!grid || trains(job) || job == Job::curve) return;
    OROGRAPH_VALIDATE(!grid->find("y") || grid->find("x"), ExitCode::config, origin, ":", grid->line,
                      ": grid has a y range without x; add grid.x: [first, last, count]");
    OROGRAPH_VALIDATE(job != Job::surface || !grid->find("x") || grid->find("y"), ExitCode::config, origin, ":", grid->line,
                      ": grid has x without y; add grid.y: [first, last, count]",
                      asks_for_plane(root) ? "" : ", or set job: line and run: orograph line");
    OROGRAPH_VALIDATE(job != Job::line || !grid->find("y"), ExitCode::config, origin, ":", grid->line,
                      ": a line has x only; remove grid.y, or set job: surface and run: orograph surface");
}

bool trains_curve(const Value& root, Job job) {
    if (!trains(job)) return false;
    const Value* section = root.find("curve");
    const Value* over = root.find("over");
    const auto is_curves = [](const auto& entry) { return entry.key.find("curve.") != std::string::npos; };
    return (section && section->kind != Value::Kind::null) || (over && std::ranges::any_of(over->entries, is_curves));
}

void check_trained_kind(const Value& root, const std::string& origin) {
    const Value* section = root.find("curve");
    const Value* kind = section ? section->find("kind") : nullptr;
    OROGRAPH_VALIDATE(!kind || kind->from_command_line || (kind->scalar != "segment" && kind->scalar != "checkpoints"), ExitCode::config,
                      origin, ":", kind->line, ": curve.kind ", kind->scalar, " has nothing to train; sample it: orograph curve");
}

void check(const Config& config, const std::string& origin) {
    check_model(config.model, !trains(config.job) && config.job != Job::curve && !config.shown_curve, origin);
    if (trains(config.job)) {
        OROGRAPH_VALIDATE(!config.output.folder.empty(), ExitCode::config, origin,
                          ": output.folder is empty; say where the run is to live");
        if (config.curve_training) check_curve_training(config, origin);
        return;
    }
    const bool plane = config.job == Job::surface;
    OROGRAPH_VALIDATE(!config.output.file.empty(), ExitCode::config, origin, ": output.file is empty; name the surface file");
    OROGRAPH_VALIDATE(config.evaluate.batch != 1, ExitCode::config, origin, ": evaluate.batch is 1; take 0 (automatic) or at least 2");
    if (config.job == Job::curve) return check_curve(config, origin);
    check_axis(config.grid.x, "x", origin);
    check_direction(config.directions.x, "x", origin);
    if (plane) {
        check_axis(config.grid.y, "y", origin);
        check_direction(config.directions.y, "y", origin);
    }
    check_plane(config, origin);
    const bool moves = config.directions.x.space == "states" || (plane && config.directions.y.space == "states");
    OROGRAPH_VALIDATE(moves == (config.evaluate.batch_norm == "states"), ExitCode::config, origin, ": evaluate.batch_norm is '",
                      config.evaluate.batch_norm, "' but ",
                      moves ? "a direction has space: states; set evaluate.batch_norm: states"
                            : "no direction has space: states; set directions.x.space: states, or evaluate.batch_norm: frozen");
}

}  // namespace orograph::app
