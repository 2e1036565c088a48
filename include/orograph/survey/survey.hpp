#pragma once

#include "orograph/core/progress.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/landscape/measurement.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/lease.hpp"
#include "orograph/survey/surface_file.hpp"

#include <functional>
#include <string>

namespace orograph::survey {

// How many points a group is given at once: fewer and fewer towards the end, the next ones before the last is done; or one, when it asks
// for it idle, which is right where a point takes minutes.
enum class Lease { guided, one_point };

// Logs `why` and ends all ranks with ExitCode::stopped, without their help.
[[noreturn]] void abandon_job(const std::string& why);

struct RunOptions {
    double progress_s = 10;
    ProgressStyle progress = ProgressStyle::automatic;
    double sync_s = 30;           // at most this much work can be lost to a power cut; nothing to a kill
    std::string title;            // heads the progress lines
    std::string unit = "points";  // what the progress lines count
    Lease lease = Lease::guided;
    std::int64_t longest_lease = survey::longest_lease;  // of guided leases, in points
    double lease_timeout_s = 0;  // a group that finishes no point, or rank 0 that sees no message, for so long ends the job; 0: no limit
    int lease_retries = 2;       // of a point that hung, by later jobs; then it is given up (PointStatus::failed)
    bool retry_failed = false;   // points that were given up are computed again
    std::function<void(const std::string& why)> abandon = abandon_job;  // on rank 0, by any thread; does not return
    std::function<bool()> stop = stop_requested;  // asked often on every rank's calling thread: true ends the survey early
};

struct Outcome {
    bool complete = false;        // every point has a result
    std::int64_t computed = 0;    // by this run
    std::int64_t non_finite = 0;  // in the whole file
    std::int64_t failed = 0;      // in the whole file: given up, by this run or before
    double seconds = 0;           // of this run
};

// Collective over grid.world. Computes every pending point of `file` with `measurement` (null on ranks that do not work). Rank 0 leases
// ranges of points to the groups' leaders, long ones first, shrinking towards the end (guided self-scheduling, Polychronopoulos & Kuck
// 1987); a leader passes each point to its shards, gathers their partials, writes the record and reports it. Each rank has one thread for
// messages and the file and one that computes, so that nobody waits for another rank's arithmetic. Where options.stop() is true on any rank
// the points in hand are dropped and all ranks return with complete = false.
Outcome run(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file,
            const RunOptions& options);

}  // namespace orograph::survey
