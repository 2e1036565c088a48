#include "orograph/app/commands.hpp"

#include "inputs.hpp"
#include "resources.hpp"

#include "orograph/core/log.hpp"
#include "orograph/landscape/measurement.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/survey.hpp"

#include <ctime>

namespace orograph::app {

namespace {

std::unique_ptr<landscape::LossMeasurement> make_measurement(const Inputs& inputs, const evaluate::Options& options, const par::ProcessGrid& grid,
                                                             std::string& identity) {
    auto evaluator = evaluate::make_evaluator(inputs.network, options);
    identity = evaluator->identity();
    auto subspace = std::make_unique<landscape::AffineSubspace>(inputs.weights, inputs.directions, options.device);
    return std::make_unique<landscape::LossMeasurement>(std::move(subspace), std::move(evaluator), inputs.dataset, std::max(grid.shard, 0), grid.shards,
                                                        options.loss);
}

// Ranks on unlike machines would mix digits in one file.
void require_equal_evaluators(const par::Communicator& world, const std::string& identity) {
    const auto all = par::all_gather(world, identity);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        OROGRAPH_VALIDATE(all[rank] == all[0], ExitCode::config, "rank ", rank, " evaluates with '", all[rank], "' but rank 0 with '", all[0],
                          "'; run on equal machines, so that every point of the file has the same digits");
    }
}

std::string utc_now() {
    const std::time_t now = std::time(nullptr);
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
    return text;
}

void report(const survey::Outcome& outcome, const std::string& path, std::int64_t points) {
    const double rate = outcome.seconds > 0 ? static_cast<double>(outcome.computed) / outcome.seconds : 0;
    std::string line = cat(path, outcome.complete ? ": complete, " : ": stopped early, ", outcome.computed, " of ", points, " points computed in ",
                           human_duration(outcome.seconds), " (", shortest(std::round(rate * 100) / 100), " points/s)");
    if (outcome.non_finite > 0) line += cat("; ", outcome.non_finite, " points have a non-finite loss (status 2)");
    if (!outcome.complete) line += "; start the same command again to go on";
    log::info(line);
}

}  // namespace

ExitCode run_survey(const par::Communicator& world, const Config& config) {
    const auto role = config.run.master_works ? par::MasterRole::also_works : par::MasterRole::only_leases;
    const auto grid = par::make_process_grid(world, config.run.shards, role);
    const auto resources = choose_resources(world, config.run);
    Inputs inputs;
    std::unique_ptr<landscape::LossMeasurement> measurement;
    std::string identity;
    par::agree(world, [&] {
        inputs = load_inputs(config);
        measurement = make_measurement(inputs, evaluate_options(config.evaluate, resources), grid, identity);
    });
    require_equal_evaluators(world, identity);

    auto schema = schema_of(config, inputs, measurement->fields(), identity);
    schema.provenance["mpi"] = par::library_version();
    schema.provenance["ranks"] = std::to_string(world.size());
    schema.provenance["shards"] = std::to_string(grid.shards);
    schema.provenance["threads"] = std::to_string(resources.threads);
    schema.provenance["device"] = resources.device.str();
    schema.provenance["created"] = utc_now();
    inputs.dataset.splits.clear();  // the measurement keeps what it needs

    survey::SurfaceFile file(world, config.output.file, schema, config.output.overwrite ? survey::Overwrite::replace : survey::Overwrite::refuse);
    survey::RunOptions options;
    options.progress_s = config.run.progress_s;
    options.progress = progress_style_from(config.run.progress);
    options.sync_s = config.run.sync_s;
    options.title = cat(to_string(config.job), " ", config.output.file);
    log::info(cat(options.title, file.resumed() ? ": going on with " : ": ", schema.grid.size(), " points, ", world.size(), " ranks x ", resources.threads,
                  " threads, ", resources.device.str(), ", ", identity));
    const auto outcome = survey::run(grid, schema.grid, grid.works() ? measurement.get() : nullptr, file, options);
    file.close();
    par::on_root(world, [&] {
        if (outcome.complete) survey::write_xmf(config.output.file, survey::read_surface(config.output.file));
    });
    report(outcome, config.output.file, schema.grid.size());
    return outcome.complete ? ExitCode::done : ExitCode::stopped;
}

}  // namespace orograph::app
