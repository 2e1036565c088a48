#include "run_options.hpp"
#include "sweep.hpp"
#include "training.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/app/value.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/version.hpp"
#include "orograph/landscape/measurement.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/survey.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>

namespace orograph::app {

namespace {

namespace fs = std::filesystem;

std::vector<landscape::Field> fields_of(const Config& sweep) {
    const char* where = sweep.curve_training ? ", at the middle of the curve" : "";
    std::vector<landscape::Field> fields;
    for (const std::string& split : sweep.data.splits) {
        fields.push_back({split + "_loss", cat("mean cross-entropy on the ", split, " images after training", where), "nat"});
        fields.push_back({split + "_acc", cat("accuracy on the ", split, " images after training", where), "percent"});
    }
    return fields;
}

// Trains the run whose number is the point's and takes its last epoch's losses and accuracies for the record; not-a-number for a run that
// diverged. A run that is asked to stop is saved in its folder and goes on from there.
class TrainingRuns : public landscape::Measurement {
public:
    TrainingRuns(const Config& sweep, const survey::Grid& grid, const Resources& resources)
        : runs_(sweep_runs(sweep)), fields_(fields_of(sweep)), grid_(grid), resources_(resources) {
        for (Config& run : runs_) run.run.progress = "none";
    }

    const std::vector<landscape::Field>& fields() const override { return fields_; }

    std::vector<double> partial(std::span<const double> coordinates, std::span<const double>, const CancelToken& cancel) override {
        const Config& run = runs_[number_of(coordinates)];
        try {
            log::self(log::Level::info, cat(run.output.folder, ": begins, or goes on"));
            const auto outcome = run_training({}, run, resources_, [&] { return cancel.cancelled(); });
            if (!outcome.complete) return {};
            const auto& last = outcome.history.back();
            log::self(log::Level::info, cat(run.output.folder, ": complete, train accuracy ", shortest(last.train_acc),
                                            " %, test accuracy ", shortest(last.test_acc), " %"));
            return values_of(last);
        } catch (const train::Diverged& error) {
            log::self(log::Level::warn, error.what());
            return std::vector<double>(fields_.size(), std::numeric_limits<double>::quiet_NaN());
        }
    }

    std::vector<double> record(std::span<const std::vector<double>> partials) const override { return partials.front(); }

private:
    std::size_t number_of(std::span<const double> coordinates) const {
        for (std::int64_t point = 0; point < grid_.size(); ++point)
            if (std::ranges::equal(grid_.coordinates(survey::PointIndex{point}), coordinates)) return static_cast<std::size_t>(point);
        throw Error(ExitCode::internal, "a sweep has no run at these coordinates");
    }

    std::vector<double> values_of(const train::EpochRecord& record) const {
        std::vector<double> values;
        for (const landscape::Field& field : fields_) {
            const bool train = field.name.starts_with("train"), loss = field.name.ends_with("loss");
            values.push_back(train ? (loss ? record.train_loss : record.train_acc) : (loss ? record.test_loss : record.test_acc));
        }
        return values;
    }

    std::vector<Config> runs_;
    std::vector<landscape::Field> fields_;
    const survey::Grid& grid_;
    const Resources& resources_;
};

std::string text_of(const Value& value) {
    if (value.kind != Value::Kind::sequence) return value.scalar;
    std::vector<std::string> words;
    for (const Value& item : value.items) words.push_back(text_of(item));
    return cat("[", join(words), "]");
}

// "train.lr" -> "0.1", for each key below `value`, whose own is `key`.
void add_items(std::map<std::string, std::string>& items, const std::string& key, const Value& value) {
    if (value.kind != Value::Kind::map) items[key] = text_of(value);
    for (const auto& entry : value.entries) add_items(items, key.empty() ? entry.key : cat(key, ".", entry.key), entry.value);
}

// Every key of the configuration that shapes a run's result.
std::map<std::string, std::string> shaping_items(const Config& sweep) {
    std::map<std::string, std::string> items;
    add_items(items, "", parse_yaml(write_config(sweep, Comments::without), "the configuration"));
    for (const auto* section : {"output.", "run."})
        std::erase_if(items, [section](const auto& item) { return item.first.starts_with(section); });
    return items;
}

survey::SurfaceSchema schema_of(const Config& sweep, const survey::Grid& grid) {
    survey::SurfaceSchema schema{"Runs of a sweep", grid, fields_of(sweep), {}, {}, {}};
    schema.fingerprints = shaping_items(sweep);
    schema.fingerprints["numeric_version"] = std::to_string(numeric_version);
    schema.provenance = {{"program", "orograph"}, {"version", version()}, {"configuration", write_config(sweep, Comments::without)}};
    for (const auto& [keys, values] : sweep.over) schema.provenance["over " + keys] = join(values);
    return schema;
}

// A line a run: its folder and its record.
void write_table(const Config& sweep, const fs::path& file) {
    const auto surface = survey::read_surface(file);
    const auto runs = sweep_runs(sweep);
    std::ostringstream table;
    table << "run";
    for (const auto& field : surface.schema.fields) table << "," << field.name;
    for (std::size_t run = 0; run < runs.size(); ++run) {
        table << "\n\"" << fs::path(runs[run].output.folder).filename().string() << "\"";
        for (const auto& values : surface.values) table << "," << shortest(values[run]);
    }
    table << "\n";
    write_file_atomically(fs::path(sweep.output.folder) / "runs.csv", table.view());
}

}  // namespace

ExitCode run_sweep(const par::Communicator& world, const Config& config) {
    const auto role = config.run.master_works ? par::MasterRole::also_works : par::MasterRole::only_leases;
    const auto ranks = par::make_process_grid(world, 1, role);
    const auto resources = choose_resources(world, config.run);
    const survey::Grid grid = sweep_grid(config);
    TrainingRuns measurement(config, grid, resources);
    const fs::path path = fs::path(config.output.folder) / "runs.h5";
    survey::SurfaceFile file(world, path, schema_of(config, grid),
                             config.output.overwrite ? survey::Overwrite::replace : survey::Overwrite::refuse);
    auto options = run_options(world, config.run, config.output.folder);
    options.title = cat("sweep ", config.output.folder);
    options.unit = "runs";
    options.lease = survey::Lease::one_point;
    log::info(cat(options.title, ": ", grid.size(), " runs, ", world.size(), " ranks x ", resources.threads, " threads"));
    const auto outcome = survey::run(ranks, grid, ranks.works() ? &measurement : nullptr, file, options);
    file.close();
    par::on_root(world, [&] { write_table(config, path); });
    log::info(outcome.complete ? cat(config.output.folder, "/runs.csv: complete, ", grid.size(), " runs, ", outcome.non_finite, " diverged")
                               : cat(config.output.folder, ": stopped early; start the same command again to go on"));
    return outcome.complete ? ExitCode::done : ExitCode::stopped;
}

}  // namespace orograph::app
