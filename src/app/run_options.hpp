#pragma once

#include "orograph/app/config.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/survey/survey.hpp"

#include <filesystem>

namespace orograph::app {

// Whether a job that writes into `folder` is to stop: after a signal, or, as rank 0 sees it, when a file `halt` appears there.
std::function<bool()> stop_of_job(const par::Communicator& world, const std::filesystem::path& folder);

// How a survey runs that writes into `folder`.
survey::RunOptions run_options(const par::Communicator& world, const RunSection& section, const std::filesystem::path& folder);

}  // namespace orograph::app
