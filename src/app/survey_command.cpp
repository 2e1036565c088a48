#include "curve_report.hpp"
#include "inputs.hpp"
#include "instruction_set.hpp"
#include "measurements.hpp"
#include "precision_error.hpp"
#include "resources.hpp"
#include "run_options.hpp"
#include "schema.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/log.hpp"
#include "orograph/h5/file.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/survey.hpp"

#include <algorithm>
#include <bit>
#include <ctime>
#include <filesystem>
#include <iomanip>
#include <system_error>

namespace orograph::app {

namespace {

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
    return text;
}

void add_circumstances(std::map<std::string, std::string>& provenance, const par::ProcessGrid& grid, const Resources& resources) {
    provenance["mpi"] = par::library_version();
    provenance["hdf5"] = h5::library_version();
    provenance["ranks"] = std::to_string(grid.world.size());
    provenance["shards"] = std::to_string(grid.shards);
    provenance["threads"] = std::to_string(resources.threads);
    provenance["device"] = resources.device.str();
    provenance["created"] = utc_now();
}

void report(const PrecisionError& error, const std::string& precision) {
    constexpr double small = 1e-2;
    const std::string line =
        cat(std::setprecision(2), "evaluate.precision ", precision, " against fp32 at ", error.points.size(),
            " points of the grid: losses differ by up to ", 100 * error.loss, " %, accuracies by ", error.accuracy, " percent points");
    if (error.loss <= small)
        log::info(line);
    else
        log::warn(line + "; use evaluate.precision: fp32 where that is too much");
}

// Bit for bit, as the surface file compares them.
bool equal_axes(const survey::Axis& a, const survey::Axis& b) {
    const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
    return a.name == b.name && std::ranges::equal(a.coordinates, b.coordinates, {}, bits, bits);
}

// Whether the job will make its file anew, not go on with one (or refuse it).
bool makes_file(const Config& config, const survey::SurfaceSchema& schema) {
    std::error_code unreadable;  // which opening the file reports
    if (!std::filesystem::exists(config.output.file, unreadable)) return true;
    if (!config.output.overwrite) return false;
    try {
        const auto existing = survey::read_schema(config.output.file);
        return existing.fingerprints != schema.fingerprints || !std::ranges::equal(existing.grid.axes(), schema.grid.axes(), equal_axes);
    } catch (const Error&) {
        return true;
    }
}

// Collective over world. Where the job makes its file, rank 0 measures the precision's error, for the provenance;
// the others wait. False where the job was asked to stop meanwhile.
bool add_precision_error(const par::Communicator& world, const Config& config, const Inputs& inputs, const evaluate::Options& options,
                         survey::SurfaceSchema& schema) {
    if (options.precision == evaluate::Precision::fp32) return true;
    bool stopped = false;
    par::on_root(world, [&] {
        if (!makes_file(config, schema)) return;
        log::info(cat("measuring the error of evaluate.precision ", config.evaluate.precision));
        const auto error = measure_precision_error(inputs, schema.grid, options);
        stopped = !error;
        if (stopped) return;
        report(*error, config.evaluate.precision);
        schema.provenance.merge(provenance_of(*error));
    });
    return par::all_max(world, stopped ? 1 : 0) == 0;
}

// What belongs to a complete file.
void finish(const Config& config) {
    const auto& path = config.output.file;
    if (config.job == Job::curve) {
        const auto surface = survey::read_surface(path);
        if (is_complete_curve(surface)) survey::add_field_attributes(path, curve_attributes(surface));
    }
    survey::write_xmf(path, survey::read_schema(path));
}

void report(const survey::Outcome& outcome, const std::string& path, std::int64_t points) {
    const double rate = outcome.seconds > 0 ? static_cast<double>(outcome.computed) / outcome.seconds : 0;
    std::string line =
        cat(path, outcome.complete ? ": complete, " : ": stopped early, ", outcome.computed, " of ", points, " points computed in ",
            human_duration(outcome.seconds), " (", shortest(std::round(rate * 100) / 100), " points/s)");
    if (outcome.non_finite > 0) line += cat("; ", outcome.non_finite, " points have a non-finite loss (status 2)");
    if (outcome.failed > 0) line += cat("; ", outcome.failed, " points were given up (status 3); run.retry_failed: true tries them again");
    if (!outcome.complete) line += "; start the same command again to go on";
    log::info(line);
}

}  // namespace

ExitCode run_survey(const par::Communicator& world, const Config& config) {
    const auto role = config.run.master_works ? par::MasterRole::also_works : par::MasterRole::only_leases;
    const auto grid = par::make_process_grid(world, config.run.shards, role);
    const auto resources = choose_resources(world, config.run);
    auto evaluation = evaluate_options(world, config.evaluate, resources);
    Inputs inputs;
    std::unique_ptr<landscape::Measurement> measurement;
    std::string identity;
    par::agree(world, [&] {
        inputs = load_inputs(config);
        evaluation = fitting_options(evaluation, config.evaluate, inputs.network);
        auto evaluator = evaluate::make_evaluator(inputs.network, evaluation);
        identity = evaluator->identity();
        evaluation.batch = evaluator->batch();
        measurement = make_measurement(inputs, inputs.dataset, std::move(evaluator), evaluation, std::max(grid.shard, 0), grid.shards);
    });
    require_equal_evaluators(world, identity);

    auto schema = schema_of(config, inputs, measurement->fields(), evaluation, identity);
    add_circumstances(schema.provenance, grid, resources);
    if (!add_precision_error(world, config, inputs, evaluation, schema)) {
        log::info(cat(config.output.file, ": stopped before the first point; start the same command again"));
        return ExitCode::stopped;
    }
    inputs.dataset.splits.clear();  // the measurement keeps what it needs
    inputs.recalibration.reset();

    survey::SurfaceFile file(world, config.output.file, schema,
                             config.output.overwrite ? survey::Overwrite::replace : survey::Overwrite::refuse);
    auto options = run_options(world, config.run, std::filesystem::path(config.output.file).parent_path());
    options.title = cat(to_string(config.job), " ", config.output.file);
    if (inputs.curve && !inputs.curve->source.knows_weight_decay)
        log::info("curve.weight_decay is not given: loss is nll, without a term of the weight decay");
    log::info(cat(options.title, file.resumed() ? ": going on with " : ": ", schema.grid.size(), " points, ", world.size(), " ranks x ",
                  resources.threads, " threads, ", resources.device.str(), ", ", identity));
    const auto outcome = survey::run(grid, schema.grid, grid.works() ? measurement.get() : nullptr, file, options);
    file.close();
    par::on_root(world, [&] {
        if (outcome.complete) finish(config);
    });
    report(outcome, config.output.file, schema.grid.size());
    return outcome.complete ? ExitCode::done : ExitCode::stopped;
}

}  // namespace orograph::app
