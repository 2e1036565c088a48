#include "master.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"

#include <algorithm>

namespace orograph::survey {

// `pending`: the points without a result, of `statuses`.
Master::Master(const par::ProcessGrid& grid, par::Mailbox& mailbox, const std::vector<PointStatus>& statuses, std::vector<PointRange> pending,
               const RunOptions& options)
    : grid_(grid),
      mailbox_(mailbox),
      desk_(LeaseBook(std::move(pending), grid.groups, options.lease == Lease::guided ? longest_lease : 1), grid.groups),
      total_(static_cast<std::int64_t>(statuses.size())),
      non_finite_(std::ranges::count(statuses, PointStatus::non_finite)),
      start_(std::chrono::steady_clock::now()),
      progress_(options.title, options.unit, total_, total_ - desk_.unreported(), options.progress_s, options.progress) {}

void Master::handle(const par::Message& message) {
    switch (static_cast<Tag>(message.tag)) {
        case Tag::ask:
            send(desk_.ask(grid_.group_of(message.source)));
            break;
        case Tag::report: note_report(message.source, unpack<PointStatus>(message.bytes)); break;
        case Tag::stop_survey: stop(); break;
        case Tag::group_idle:
            if (++idle_groups_ == grid_.groups) finish();
            break;
        default: OROGRAPH_EXPECT(false);
    }
}

// Ends the survey early: no more leases, points in hand are dropped.
void Master::stop() {
    if (draining_) return;
    log::info(cat("asked to stop: dropping the points in hand, ", total_ - desk_.unreported(), " of ", total_, " are in the file"));
    drain();
}

void Master::send(const std::vector<LeaseDesk::Grant>& grants) {
    if (draining_) return;
    for (const auto& [group, points] : grants) post_value(mailbox_, grid_.rank_of(group, 0), Tag::lease, points);
}

void Master::note_report(int leader, PointStatus status) {
    ++computed_;
    if (status == PointStatus::non_finite) ++non_finite_;
    send(desk_.report(grid_.group_of(leader)));
    if (desk_.unreported() == 0) drain();
}

void Master::drain() {
    if (draining_) return;
    draining_ = true;
    tell_leaders(Tag::drain_group, {});
}

void Master::finish() {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    outcome_ = Outcome{desk_.unreported() == 0, computed_, non_finite_, elapsed.count()};
    show_progress();
    progress_.finish();
    tell_leaders(Tag::finish_group, std::as_bytes(std::span(&*outcome_, 1)));
}

void Master::tell_leaders(Tag tag, std::span<const std::byte> bytes) {
    for (int group = 0; group < grid_.groups; ++group) post(mailbox_, grid_.rank_of(group, 0), tag, bytes);
}

}  // namespace orograph::survey
