// How fast points that cost nothing go through the master, the leaders and the file, and what each rank needs for it.
//
//     mpirun -n 2 build/release/bench_survey /tmp/load.h5 --points 10000000
#include "orograph/core/error.hpp"
#include "orograph/landscape/measurement.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/survey/lease.hpp"
#include "orograph/survey/survey.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

using namespace orograph;

class Nothing : public landscape::Measurement {
public:
    const std::vector<landscape::Field>& fields() const override { return fields_; }
    std::vector<double> partial(std::span<const double> coordinates, std::span<const double>, const CancelToken&) override {
        return {coordinates[0]};
    }
    std::vector<double> record(std::span<const std::vector<double>> partials) const override { return partials[0]; }

private:
    std::vector<landscape::Field> fields_{{"x", "the coordinate itself", "1"}};
};

// "VmHWM": the most memory that this process has had, in MiB.
double memory_mib(const std::string& item) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(item + ":")) return std::stod(line.substr(item.size() + 1)) / 1024;
    }
    return 0;
}

std::int64_t leases_of(std::int64_t points, int groups, std::int64_t longest) {
    survey::LeaseBook book({{0, points}}, groups, longest);
    std::int64_t leases = 0;
    while (book.next()) ++leases;
    return leases;
}

void report(const par::Communicator& world, const survey::Outcome& outcome, std::int64_t leases, double before_mib, const std::string& path) {
    const auto line = cat("rank ", world.rank(), ": ", std::lround(memory_mib("VmHWM")), " MiB, ", std::lround(before_mib), " before the survey");
    for (const auto& text : par::all_gather(world, line)) {
        if (world.rank() == 0) std::printf("%s\n", text.c_str());
    }
    if (world.rank() > 0) return;
    std::printf("%lld points in %.1f s: %.0f points/s, %.0f leases/s, file of %.1f MiB\n", static_cast<long long>(outcome.computed), outcome.seconds,
                static_cast<double>(outcome.computed) / outcome.seconds, static_cast<double>(leases) / outcome.seconds,
                static_cast<double>(std::filesystem::file_size(path)) / (1 << 20));
}

void run(const std::string& path, std::int64_t points, std::int64_t longest_lease, bool master_works) {
    const auto world = par::Communicator::world();
    const auto role = master_works ? par::MasterRole::also_works : par::MasterRole::only_leases;
    const auto ranks = par::make_process_grid(world, 1, role);
    const auto rows = static_cast<std::int64_t>(std::sqrt(static_cast<double>(points)));
    const survey::Grid grid({survey::linear_axis("x", -1, 1, rows), survey::linear_axis("y", -1, 1, points / rows)});
    Nothing nothing;
    const survey::SurfaceSchema schema{.title = "load", .grid = grid, .fields = nothing.fields(), .fingerprints = {}, .provenance = {}};
    const double before_mib = memory_mib("VmRSS");
    survey::SurfaceFile file(world, path, schema, survey::Overwrite::replace);
    survey::RunOptions options;
    options.title = "load";
    options.longest_lease = longest_lease;
    const auto outcome = survey::run(ranks, grid, ranks.works() ? &nothing : nullptr, file, options);
    file.close();
    report(world, outcome, leases_of(outcome.computed, ranks.groups, longest_lease), before_mib, path);
}

}  // namespace

int main(int argc, char** argv) {
    par::Environment environment(argc, argv);
    CLI::App app{"points that cost nothing through master and file"};
    std::string path;
    std::int64_t points = 10'000'000, longest_lease = survey::longest_lease;
    bool master_leases_only = false;
    app.add_option("FILE", path, "the surface file; goes on with one that is there")->required();
    app.add_option("--points", points, "about as many, in a square");
    app.add_option("--longest-lease", longest_lease, "points");
    app.add_flag("--master-leases-only", master_leases_only);
    CLI11_PARSE(app, argc, argv);
    run(path, points, longest_lease, !master_leases_only);
}
