// Configurations, YAML. The first byte chooses the job; a line that begins with "--set " is an assignment of the command line. What is read
// and written is read again to the same text.
#include "orograph/app/config.hpp"

#include "fuzz.hpp"

#include "orograph/core/error.hpp"

#include <array>
#include <sstream>

namespace {

using namespace orograph;

constexpr std::array jobs{app::Job::train, app::Job::sweep, app::Job::surface, app::Job::line, app::Job::curve};

void check_round_trip(app::Job job, const app::Config& config) {
    const std::string text = app::write_config(config, app::Comments::without);
    const std::string again = app::write_config(app::read_config(job, text, "again", {}), app::Comments::without);
    fuzz::must(again == text, "a written configuration is read back");
}

void read(app::Job job, const std::string& input) {
    std::string text, line;
    std::vector<std::string> assignments;
    for (std::istringstream in(input); std::getline(in, line);) {
        if (line.starts_with("--set "))
            assignments.push_back(line.substr(6));
        else
            text += line + "\n";
    }
    try {
        check_round_trip(job, app::read_config(job, text, "input", assignments));
    } catch (const Error& error) {
        if (error.code() != ExitCode::usage) throw;
        throw Error(ExitCode::config, error.what());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const app::Job job = jobs[data[0] % jobs.size()];
    fuzz::attempt(size, {.factor = 1024}, [&] { read(job, {reinterpret_cast<const char*>(data) + 1, size - 1}); });
    return 0;
}
