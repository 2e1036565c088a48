#include "master.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"

#include <limits>
#include <utility>

namespace orograph::survey {

namespace {

// Between two looks at who hangs. Where it was longer this process stood still, and perhaps the others too: a job can be suspended.
constexpr std::chrono::milliseconds shortest_look{100}, longest_look{1000};

std::int64_t count_points(const std::vector<PointRange>& ranges) {
    std::int64_t count = 0;
    for (const auto& range : ranges) count += range.size();
    return count;
}

}  // namespace

// `pending`: the points to compute, of those of `file` without a result.
Master::Master(const par::ProcessGrid& grid, par::Mailbox& mailbox, const Grid& points, std::vector<PointRange> pending, SurfaceFile& file,
               const RunOptions& options)
    : grid_(grid),
      mailbox_(mailbox),
      file_(file),
      options_(options),
      desk_(LeaseBook(pending, grid.groups, options.lease == Lease::guided ? options.longest_lease : 1), grid.groups),
      watch_(grid.groups),
      hung_points_(file.path()),
      total_(points.size()),
      non_finite_(file.inventory().non_finite_points),
      failed_(options.retry_failed ? 0 : file.inventory().failed_points),
      start_(std::chrono::steady_clock::now()),
      last_look_(start_),
      progress_(options.title, options.unit, total_, total_ - count_points(pending), options.progress_s, options.progress) {}

void Master::handle(const par::Message& message) {
    switch (static_cast<Tag>(message.tag)) {
        case Tag::ask:
            send(desk_.ask(grid_.group_of(message.source)));
            break;
        case Tag::report:
            note_report(message.source, unpack<Report>(message.bytes));
            break;
        case Tag::stop_survey:
            stop();
            break;
        case Tag::group_idle:
            if (++idle_groups_ == grid_.groups) finish();
            break;
        default:
            OROGRAPH_EXPECT(false);
    }
}

// Ends the survey early: no more leases, points in hand are dropped.
void Master::stop() {
    if (draining_) return;
    log::info(cat("asked to stop: dropping the points in hand, ", total_ - desk_.unreported(), " of ", total_, " are in the file"));
    drain();
}

// To be called often: the progress, and whether a group hangs.
void Master::look_after() {
    show_progress();
    const auto now = std::chrono::steady_clock::now();
    const auto gap = now - last_look_;
    if (options_.lease_timeout_s <= 0 || draining_ || gap < shortest_look) return;
    last_look_ = now;
    if (gap > longest_look) watch_.forgive(gap, now);
    const auto slowest = watch_.longest(now);
    if (slowest && slowest->s > options_.lease_timeout_s) abandon(*slowest);
}

// The point is given up where it has hung often enough. Ends the job: a rank that hangs cannot be asked to leave.
void Master::abandon(const LeaseWatch::Waiting& hung) {
    const int times = hung_points_.note(hung.point);
    const bool give_up = times > options_.lease_retries;
    if (give_up) {
        const std::vector<double> nothing(file_.width(), std::numeric_limits<double>::quiet_NaN());
        file_.write(hung.point, nothing, PointStatus::failed);
    }
    file_.sync();
    const auto first = grid_.rank_of(hung.group, 0), last = grid_.rank_of(hung.group, grid_.shards - 1);
    const auto ranks = first == last ? cat("rank ", first) : cat("ranks ", first, " to ", last);
    options_.abandon(cat(ranks, " did not finish point ", static_cast<std::int64_t>(hung.point), " within run.lease_timeout_s (",
                         shortest(options_.lease_timeout_s), " s), for the ", times, ". time; ",
                         give_up ? "the point is given up (status 3)" : "it will be tried again",
                         "; start the same command again to go on"));
}

void Master::send(const std::vector<LeaseDesk::Grant>& grants) {
    if (draining_) return;
    for (const auto& [group, points] : grants) {
        watch_.granted(group, points, std::chrono::steady_clock::now());
        if (log::writes(log::Level::debug))
            log::debug(cat("lease for rank ", grid_.rank_of(group, 0), ": points ", points.first, " to ", points.last - 1));
        post_value(mailbox_, grid_.rank_of(group, 0), Tag::lease, points);
    }
}

void Master::note_report(int leader, const Report& report) {
    const auto group = grid_.group_of(leader);
    computed_ += report.points;
    non_finite_ += report.non_finite;
    watch_.finished(group, report.points, std::chrono::steady_clock::now());
    send(desk_.report(group, report.points));
    if (desk_.unreported() == 0) drain();
}

void Master::drain() {
    if (draining_) return;
    draining_ = true;
    tell_leaders(Tag::drain_group, {});
}

void Master::finish() {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    outcome_ = Outcome{desk_.unreported() == 0, computed_, non_finite_, failed_, elapsed.count()};
    if (outcome_->complete) hung_points_.remove();
    show_progress();
    progress_.finish();
    tell_leaders(Tag::finish_group, std::as_bytes(std::span(&*outcome_, 1)));
}

void Master::tell_leaders(Tag tag, std::span<const std::byte> bytes) {
    for (int group = 0; group < grid_.groups; ++group) post(mailbox_, grid_.rank_of(group, 0), tag, bytes);
}

}  // namespace orograph::survey
