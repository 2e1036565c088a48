#include "leader.hpp"
#include "master.hpp"
#include "watchdog.hpp"
#include "worker.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"
#include "orograph/par/environment.hpp"

#include <algorithm>
#include <thread>

namespace orograph::survey {

namespace {

using std::chrono::microseconds;

// Between two looks at the mailbox: longer and longer while nothing happens, so that an idle rank costs a percent of a core. A rank that
// has nothing to compute begins eagerly, because an answer may be on its way.
constexpr int eager_looks = 200;
constexpr microseconds eager_wait{20}, shortest_wait{1000}, longest_wait{10000};

// The points to compute, ascending.
std::vector<PointRange> wanted(const Inventory& found, const RunOptions& options) {
    auto ranges = found.pending;
    if (options.retry_failed) ranges.insert(ranges.end(), found.failed.begin(), found.failed.end());
    std::ranges::sort(ranges, {}, &PointRange::first);
    return ranges;
}

// One rank of a survey: the roles that it has, and the loop that brings them their messages. The thread that calls run() alone talks to MPI
// and the file.
class SurveyRank {
public:
    SurveyRank(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file,
               const RunOptions& options);
    Outcome run();

private:
    bool act();
    void deliver(const par::Message& message);
    void pass_stop_on();
    void wait(bool active);
    void abandon_master(const std::filesystem::path& surface) const;
    const std::optional<Outcome>& outcome() const { return worker_ ? worker_->outcome() : master_->outcome(); }

    const RunOptions& options_;
    par::Mailbox mailbox_;
    std::optional<Master> master_;
    std::optional<Leader> leader_;
    std::optional<Worker> worker_;
    std::optional<Watchdog> watchdog_;  // of the master, who watches the other ranks
    microseconds wait_ = eager_wait;
    int looks_left_ = eager_looks;  // before the first sleep
};

// Collective over grid.world.
SurveyRank::SurveyRank(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file,
                       const RunOptions& options)
    : options_(options), mailbox_(grid.world) {
    if (grid.is_master()) master_.emplace(grid, mailbox_, points, wanted(file.inventory(), options), file, options);
    if (grid.is_leader()) leader_.emplace(grid, mailbox_, *measurement, file, options);
    if (grid.works()) worker_.emplace(mailbox_, grid.rank_of(grid.group, 0), points, *measurement);
    if (grid.is_master() && options.lease_timeout_s > 0) watchdog_.emplace(options.lease_timeout_s, [&] { abandon_master(file.path()); });
}

Outcome SurveyRank::run() {
    while (!outcome()) wait(act());
    while (!mailbox_.sent()) std::this_thread::sleep_for(shortest_wait);
    return *outcome();
}

// Does all that can be done at once; true where that was anything.
bool SurveyRank::act() {
    bool active = false;
    if (watchdog_) watchdog_->feed();
    while (const auto message = mailbox_.poll()) {
        deliver(*message);
        active = true;
    }
    if (leader_) leader_->write_ready();
    if (worker_ && worker_->send_results()) active = true;
    if (leader_) leader_->sync_if_due();
    if (master_) master_->look_after();
    pass_stop_on();
    return active;
}

void SurveyRank::deliver(const par::Message& message) {
    switch (recipient(static_cast<Tag>(message.tag))) {
        case Role::master:
            return master_->handle(message);
        case Role::leader:
            return leader_->handle(message);
        case Role::worker:
            return worker_->handle(message);
    }
}

void SurveyRank::pass_stop_on() {
    if (!options_.stop()) return;
    if (worker_) {
        worker_->ask_to_stop();
    } else {
        master_->stop();
    }
}

// Sleeps unless there was something to do; a finished computation wakes it. Messages that have not left yet need looking after often.
void SurveyRank::wait(bool active) {
    if (active) {
        const bool computing = worker_ && worker_->computing();
        wait_ = computing ? shortest_wait : eager_wait;
        looks_left_ = computing ? 0 : eager_looks;
        return;
    }
    if (looks_left_ > 0) {
        --looks_left_;
        return std::this_thread::yield();
    }
    if (!mailbox_.sent()) wait_ = std::min(wait_, shortest_wait);
    if (worker_) {
        worker_->wait(wait_);
    } else {
        std::this_thread::sleep_for(wait_);
    }
    wait_ = std::min(wait_ * 5 / 4, longest_wait);
}

// On the watchdog's thread: the one that talks to MPI and the file does not come back from one of them.
void SurveyRank::abandon_master(const std::filesystem::path& surface) const {
    options_.abandon(cat("rank 0 did not come back from writing ", surface.string(), ", or from MPI, within run.lease_timeout_s (",
                         shortest(options_.lease_timeout_s),
                         " s); see whether its file system answers, then start the same command again to go on"));
}

}  // namespace

void abandon_job(const std::string& why) {
    log::self(log::Level::error, why);
    par::abort(static_cast<int>(ExitCode::stopped));
}

// Every rank knows how many points there are to compute, so that all return at once where there are none. Throws what the measurement or
// the file threw, on the rank where it happened; the others go on waiting, so main aborts the job.
Outcome run(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file,
            const RunOptions& options) {
    OROGRAPH_EXPECT(measurement != nullptr || !grid.works());
    const auto& found = file.inventory();
    if (found.pending_points == 0 && (found.failed_points == 0 || !options.retry_failed))
        return {.complete = true, .non_finite = found.non_finite_points, .failed = found.failed_points};
    return SurveyRank(grid, points, measurement, file, options).run();
}

}  // namespace orograph::survey
