#include "orograph/app/command_line.hpp"

#include "orograph/app/commands.hpp"
#include "orograph/core/files.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/core/text.hpp"
#include "orograph/core/version.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>
#include <sstream>

namespace orograph::app {

namespace {

constexpr const char* description = "Loss landscapes of neural networks at cluster scale.";

constexpr const char* examples = R"(
Examples:
  orograph surface configs/surface.yaml                       one rank, all cores
  mpirun -n 4 --bind-to none orograph surface configs/surface.yaml
    (as root, in a container say, add --allow-run-as-root; with fewer than 4 cores add --oversubscribe)
  orograph surface configs/surface.yaml --set grid.x=[-1,1,21] --set output.file=out/small.h5
  orograph surface --dump-default > my.yaml                   a commented configuration
  orograph check configs/surface.yaml                         validate, and what it costs
  orograph show out/surface.h5
  orograph show architectures                                 networks, their sizes and papers
  orograph export out/surface.h5 --to vtp
Exit codes: 0 done, 64 usage, 65 data, 66 input missing, 69 no such device or no way for MPI to join Slurm's tasks, 73 cannot create or locked,
  74 input/output error, 75 stopped early (start again to go on), 78 configuration.)";

struct JobOptions {
    std::string config_path;
    std::vector<std::string> overrides;
    bool dump_default = false;
};

// The text is read by rank 0 alone, so that all ranks see the same.
std::string read_text(const par::Communicator& world, const std::string& path) {
    std::string text;
    par::on_root(world, [&] {
        const auto bytes = read_file(path, 1 << 20, "configuration");
        text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    par::broadcast(world, text, 0);
    return text;
}

Job job_named_in(const std::string& text, const std::string& origin) {
    const Value root = parse_yaml(text, origin);
    const Value* named = root.find("job");
    if (!named || named->scalar == "surface") return Job::surface;
    for (const Job job : {Job::train, Job::sweep, Job::line, Job::curve}) {
        if (named->scalar == to_string(job)) return job;
    }
    throw Error(ExitCode::config,
                cat(origin, ":", named->line, ": job is '", named->scalar, "'; it takes train, sweep, surface, line or curve"));
}

using Runner = std::function<ExitCode(const par::Communicator&, const Config&)>;

ExitCode print_default(Job job) {
    std::cout << write_config(default_config(job), Comments::with);
    return ExitCode::done;
}

// Without a job it is a check of one, which works wherever the program does.
ExitCode run_job(const par::Launch& launch, const par::Communicator& world, std::optional<Job> job, const JobOptions& options,
                 const Runner& run) {
    OROGRAPH_VALIDATE(!options.config_path.empty(), ExitCode::usage,
                      "name a configuration file (orograph surface --dump-default prints one)");
    const bool unjoined = launch.start == par::Start::unjoined;
    OROGRAPH_VALIDATE(!job || !unjoined, ExitCode::unavailable, launch.trouble);
    if (launch.rank > 0 && unjoined) return ExitCode::done;  // the first of the tasks checks
    const auto text = read_text(world, options.config_path);
    const auto config = read_config(job ? *job : job_named_in(text, options.config_path), text, options.config_path, options.overrides);
    log::configure(log::level_from(config.run.log), world.rank());
    if (unjoined) log::warn(cat("checked as one rank: ", launch.trouble));
    return run(world, config);
}

void add_job(CLI::App& app, const std::string& name, const std::string& help, std::optional<Job> job, Runner run, Command& chosen) {
    auto* command = app.add_subcommand(name, help);
    auto options = std::make_shared<JobOptions>();
    command->add_option("CONFIG", options->config_path, "YAML configuration");
    command->add_option("--set", options->overrides, "section.key=value, overrides one key; may be repeated")
        ->take_all()
        ->allow_extra_args(false);
    if (job) command->add_flag("--dump-default", options->dump_default, "print the default configuration with comments");
    command->callback([=, &chosen] {
        if (options->dump_default) {
            chosen.run = [=](const auto&, const auto&) { return print_default(*job); };
            return;
        }
        chosen.ranks = Command::Ranks::all;
        chosen.run = [=](const auto& launch, const auto& world) { return run_job(launch, world, job, *options, run); };
    });
}

// A command on a file. The first signal ends it: what it writes is there as a whole or not at all.
void choose_file_command(Command& chosen, std::function<void()> work) {
    chosen.run = [work = std::move(work)](const auto&, const auto&) {
        remove_stop_handlers();
        work();
        return ExitCode::done;
    };
}

void add_file_command(CLI::App& app, const std::string& name, const std::string& help, void (*run)(const std::string&), Command& chosen) {
    auto* command = app.add_subcommand(name, help);
    auto path = std::make_shared<std::string>();
    command->add_option("FILE", *path, "surface file")->required();
    command->callback([=, &chosen] { choose_file_command(chosen, [=] { run(*path); }); });
}

void add_export(CLI::App& app, Command& chosen) {
    static const std::map<std::string, ExportFormat> formats{{"csv", ExportFormat::csv},
                                                             {"vti", ExportFormat::vti},
                                                             {"vtp", ExportFormat::vtp},
                                                             {"xmf", ExportFormat::xmf},
                                                             {"li", ExportFormat::li}};
    auto* command = app.add_subcommand("export", "write a surface file in another format");
    auto request = std::make_shared<ExportRequest>();
    command->add_option("FILE", request->path, "surface file")->required();
    command->add_option("--to", request->format, "csv, vti, vtp, xmf or li (Li et al.'s surface and direction files)")
        ->required()
        ->transform(CLI::CheckedTransformer(formats).description(""));
    command->add_option("--field", request->field, "vtp: the height (default: the first field)");
    command->add_option("--out", request->output, "where to write (default: beside FILE)");
    command->callback([=, &chosen] { choose_file_command(chosen, [=] { export_surface(*request); }); });
}

// Help or version.
Command print_command(const CLI::App& app, const CLI::ParseError& asked) {
    std::ostringstream text;
    app.exit(asked, text, text);
    return {.run = [text = text.str()](const auto&, const auto&) {
        std::cout << text;
        return ExitCode::done;
    }};
}

}  // namespace

Command parse_command_line(int argc, char** argv) {
    Command chosen;
    CLI::App app{description, "orograph"};
    app.set_version_flag("--version", std::string("orograph ") + version());
    app.footer(examples);
    app.require_subcommand(1);
    add_job(app, "surface", "the loss over a plane through a checkpoint", Job::surface, run_survey, chosen);
    add_job(app, "line", "the loss along a line through a checkpoint", Job::line, run_survey, chosen);
    add_job(app, "curve", "the loss along a curve between checkpoints", Job::curve, run_survey, chosen);
    add_job(app, "train", "train a network; checkpoints and history", Job::train, run_train, chosen);
    add_job(app, "sweep", "many trainings (seeds, architectures, ...), shared out over the ranks", Job::sweep, run_sweep, chosen);
    add_job(app, "check", "validate a configuration and print what it costs", std::nullopt, run_check, chosen);
    add_file_command(app, "show", "what a surface file holds; show architectures: the networks that there are", show, chosen);
    add_file_command(app, "verify", "check every point of a surface file against its checksum", verify_surface, chosen);
    add_export(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return print_command(app, error);
        throw Error(ExitCode::usage, cat(error.what(), "; see orograph --help"));
    }
    return chosen;
}

}  // namespace orograph::app
