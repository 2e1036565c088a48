#include "master.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"

#include <algorithm>

namespace orograph::survey {

namespace {

// Points are reported one by one anyway, so short leases cost nothing; a long one in the hands of a slow group would decide the finish.
constexpr std::int64_t longest_lease = 32;

}  // namespace

// `pending`: the points without a result, of `statuses`.
Master::Master(const par::ProcessGrid& grid, par::Mailbox& mailbox, const std::vector<PointStatus>& statuses, std::vector<PointRange> pending,
               const RunOptions& options)
    : grid_(grid),
      mailbox_(mailbox),
      book_(std::move(pending), grid.groups, options.lease == Lease::guided ? longest_lease : 1),
      total_(static_cast<std::int64_t>(statuses.size())),
      unreported_(book_.remaining()),
      in_hand_(mailbox.size(), 0),
      non_finite_(std::ranges::count(statuses, PointStatus::non_finite)),
      start_(std::chrono::steady_clock::now()),
      progress_(options.title, options.unit, total_, total_ - unreported_, options.progress_s, options.progress) {}

void Master::handle(const par::Message& message) {
    switch (static_cast<Tag>(message.tag)) {
        case Tag::ask:
            waiting_.push_back(message.source);
            grant_leases();
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
    log::info(cat("asked to stop: dropping the points in hand, ", total_ - unreported_, " of ", total_, " are in the file"));
    drain();
}

void Master::grant_leases() {
    std::vector<int> still_waiting;
    for (const int leader : waiting_) {
        const auto lease = may_have_lease(leader) ? book_.next() : std::nullopt;
        if (!lease) {
            still_waiting.push_back(leader);
            continue;
        }
        in_hand_[leader] += lease->size();
        post_value(mailbox_, leader, Tag::lease, *lease);
    }
    waiting_ = std::move(still_waiting);
}

// Leaders ask ahead; but the last points, one a group, go to groups that have nothing else to do, so that none waits behind another in a busy group.
bool Master::may_have_lease(int leader) const {
    return !draining_ && (in_hand_[leader] == 0 || book_.remaining() > grid_.groups);
}

void Master::note_report(int leader, PointStatus status) {
    --in_hand_[leader];
    --unreported_;
    ++computed_;
    if (status == PointStatus::non_finite) ++non_finite_;
    if (unreported_ == 0) {
        drain();
    } else {
        grant_leases();
    }
}

void Master::drain() {
    if (draining_) return;
    draining_ = true;
    tell_leaders(Tag::drain_group, {});
}

void Master::finish() {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    outcome_ = Outcome{unreported_ == 0, computed_, non_finite_, elapsed.count()};
    show_progress();
    progress_.finish();
    tell_leaders(Tag::finish_group, std::as_bytes(std::span(&*outcome_, 1)));
}

void Master::tell_leaders(Tag tag, std::span<const std::byte> bytes) {
    for (int group = 0; group < grid_.groups; ++group) post(mailbox_, grid_.rank_of(group, 0), tag, bytes);
}

}  // namespace orograph::survey
