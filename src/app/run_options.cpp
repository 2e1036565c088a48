#include "run_options.hpp"

#include <memory>

namespace orograph::app {

std::function<bool()> stop_of_job(const par::Communicator& world, const std::filesystem::path& folder) {
    if (world.rank() > 0) return stop_requested;
    return [halt = std::make_shared<HaltFile>(folder)] { return stop_requested() || halt->appeared(); };
}

survey::RunOptions run_options(const par::Communicator& world, const RunSection& section, const std::filesystem::path& folder) {
    survey::RunOptions options;
    options.progress_s = section.progress_s;
    options.progress = progress_style_from(section.progress);
    options.sync_s = section.sync_s;
    options.lease_timeout_s = section.lease_timeout_s;
    options.lease_retries = section.lease_retries;
    options.retry_failed = section.retry_failed;
    options.stop = stop_of_job(world, folder);
    return options;
}

}  // namespace orograph::app
