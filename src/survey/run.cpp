#include "leader.hpp"
#include "master.hpp"
#include "worker.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <thread>

namespace orograph::survey {

namespace {

using std::chrono::microseconds;

// Between two looks at the mailbox; longer and longer while nothing happens, so that an idle rank costs a few percent of a core.
constexpr microseconds shortest_wait{1000}, longest_wait{10000};

// Runs of points without a result, in ascending order. A point that failed before is tried again.
std::vector<PointRange> pending_ranges(const std::vector<PointStatus>& statuses) {
    const auto pending = [](PointStatus status) { return status != PointStatus::done && status != PointStatus::non_finite; };
    std::vector<PointRange> ranges;
    for (auto first = statuses.begin(); (first = std::find_if(first, statuses.end(), pending)) != statuses.end();) {
        const auto last = std::find_if_not(first, statuses.end(), pending);
        ranges.push_back({first - statuses.begin(), last - statuses.begin()});
        first = last;
    }
    return ranges;
}

// One rank of a survey: the roles that it has, and the loop that brings them their messages. The thread that calls run() alone talks to MPI and the file.
class SurveyRank {
public:
    SurveyRank(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file, std::vector<PointRange> pending,
               const RunOptions& options);
    Outcome run();

private:
    bool act();
    void deliver(const par::Message& message);
    void pass_stop_on();
    void wait(bool active);
    const std::optional<Outcome>& outcome() const { return worker_ ? worker_->outcome() : master_->outcome(); }

    const RunOptions& options_;
    par::Mailbox mailbox_;
    std::optional<Master> master_;
    std::optional<Leader> leader_;
    std::optional<Worker> worker_;
    microseconds wait_ = shortest_wait;
};

// Collective over grid.world.
SurveyRank::SurveyRank(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file,
                       std::vector<PointRange> pending, const RunOptions& options)
    : options_(options), mailbox_(grid.world) {
    if (grid.is_master()) master_.emplace(grid, mailbox_, file.statuses(), std::move(pending), options);
    if (grid.is_leader()) leader_.emplace(grid, mailbox_, *measurement, file, options);
    if (grid.works()) worker_.emplace(mailbox_, grid.rank_of(grid.group, 0), points, *measurement);
}

Outcome SurveyRank::run() {
    while (!outcome()) wait(act());
    while (!mailbox_.sent()) std::this_thread::sleep_for(shortest_wait);
    return *outcome();
}

// Does all that can be done at once; true where that was anything.
bool SurveyRank::act() {
    bool active = false;
    while (const auto message = mailbox_.poll()) {
        deliver(*message);
        active = true;
    }
    if (worker_ && worker_->send_results()) active = true;
    if (leader_) leader_->sync_if_due();
    if (master_) master_->show_progress();
    pass_stop_on();
    return active;
}

void SurveyRank::deliver(const par::Message& message) {
    switch (recipient(static_cast<Tag>(message.tag))) {
        case Role::master: return master_->handle(message);
        case Role::leader: return leader_->handle(message);
        case Role::worker: return worker_->handle(message);
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
    if (active || !mailbox_.sent()) wait_ = shortest_wait;
    if (active) return;
    if (worker_) {
        worker_->wait(wait_);
    } else {
        std::this_thread::sleep_for(wait_);
    }
    wait_ = std::min(wait_ * 5 / 4, longest_wait);
}

}  // namespace

// Every rank sees the same statuses, so that all return at once where nothing is pending. Throws what the measurement or the file threw, on the rank where it happened; the others go on waiting, so main aborts the job.
Outcome run(const par::ProcessGrid& grid, const Grid& points, landscape::Measurement* measurement, SurfaceFile& file, const RunOptions& options) {
    const auto& statuses = file.statuses();
    OROGRAPH_EXPECT(static_cast<std::int64_t>(statuses.size()) == points.size());
    OROGRAPH_EXPECT(measurement != nullptr || !grid.works());
    auto pending = pending_ranges(statuses);
    if (pending.empty()) return {.complete = true, .non_finite = std::ranges::count(statuses, PointStatus::non_finite)};
    return SurveyRank(grid, points, measurement, file, std::move(pending), options).run();
}

}  // namespace orograph::survey
