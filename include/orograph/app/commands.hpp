#pragma once

#include "orograph/app/config.hpp"
#include "orograph/core/error.hpp"
#include "orograph/par/communicator.hpp"

#include <string>

// The subcommands. Those that take a Config are collective over world; the others run on rank 0. Each returns the exit code and throws
// Error.
namespace orograph::app {

ExitCode run_train(const par::Communicator& world, const Config& config);

// Trains every combination of the values of `over`, each rank one after the other, and writes FOLDER/<run>/ as run_train() does,
// FOLDER/runs.h5 (a surface file whose axes are the keys) and FOLDER/runs.csv. Goes on where it was stopped.
ExitCode run_sweep(const par::Communicator& world, const Config& config);

ExitCode run_survey(const par::Communicator& world, const Config& config);  // surface, line and curve

// Validates configuration and inputs and prints what the job costs: points x multiply-adds, memory, and the time on this machine from a
// measured point.
ExitCode run_check(const par::Communicator& world, const Config& config);

void show(const std::string& what);  // a surface file, or "architectures": the networks that there are
void verify_surface(const std::string& path);

enum class ExportFormat { csv, vti, vtp, xmf, li };
struct ExportRequest {
    std::string path;
    ExportFormat format = ExportFormat::csv;
    std::string field;   // vtp: the height; empty: the first one
    std::string output;  // empty: beside `path`, with the format's ending
};
ExitCode export_surface(const ExportRequest& request);

}  // namespace orograph::app
