#include "leader.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::survey {

namespace {

constexpr int master = 0;

// Points that the workers of a group have at once: one in hand, one queued behind it, and one for a shard that runs ahead; or, up to a
// limit, what they finish in 10 ms, so that messages do not decide how fast tiny points go.
constexpr std::size_t shortest_queue = 3, queue_limit = 8 * longest_lease;
constexpr double queue_s = 0.01;

std::vector<double> values_of(std::span<const std::byte> bytes) {
    std::vector<double> values(bytes.size() / sizeof(double));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
    return values;
}

}  // namespace

// Asks for the first lease.
Leader::Leader(const par::ProcessGrid& grid, par::Mailbox& mailbox, const landscape::Measurement& measurement, SurfaceFile& file,
               const RunOptions& options)
    : grid_(grid),
      mailbox_(mailbox),
      measurement_(measurement),
      file_(file),
      options_(options),
      last_sync_(std::chrono::steady_clock::now()),
      longest_queue_(shortest_queue),
      counted_from_(last_sync_) {
    ask();
}

void Leader::handle(const par::Message& message) {
    switch (static_cast<Tag>(message.tag)) {
        case Tag::lease:
            lease_ = unpack<PointRange>(message.bytes);
            asked_ = false;
            dispatch();
            break;
        case Tag::partial:
            gather(message);
            break;
        case Tag::stop_group:
            post(mailbox_, master, Tag::stop_survey);
            break;
        case Tag::drain_group:
            drain();
            break;
        case Tag::worker_idle:
            note_idle_worker();
            break;
        case Tag::finish_group:
            tell_workers(Tag::finish_worker, message.bytes);
            break;
        default:
            OROGRAPH_EXPECT(false);
    }
}

// fdatasync where sync_s have passed since the last one and something was written.
void Leader::sync_if_due() {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - last_sync_;
    if (unsynced_ && since.count() >= options_.sync_s) sync();
}

// One request at a time, made before the points in hand end, so that the next lease is here in time (Lease::guided), or when they have
// ended.
void Leader::ask() {
    const std::size_t enough = options_.lease == Lease::guided ? longest_queue_ - 1 : 1;
    if (asked_ || in_flight_.size() + static_cast<std::size_t>(lease_.size()) >= enough) return;
    post(mailbox_, master, Tag::ask);
    asked_ = true;
}

void Leader::dispatch() {
    while (lease_.size() > 0 && in_flight_.size() < longest_queue_) {
        const PointIndex point{lease_.first++};
        in_flight_.emplace(point, Gathering{std::vector<std::vector<double>>(grid_.shards), grid_.shards});
        tell_workers(Tag::compute, std::as_bytes(std::span(&point, 1)));
    }
    ask();
}

void Leader::gather(const par::Message& message) {
    const auto found = in_flight_.find(unpack<PointIndex>(message.bytes));
    OROGRAPH_EXPECT(found != in_flight_.end());
    auto& [partials, missing] = found->second;
    partials[message.source - grid_.rank_of(grid_.group, 0)] = values_of(std::span(message.bytes).subspan(sizeof(PointIndex)));
    if (--missing > 0) return;
    keep(found->first, partials);
    in_flight_.erase(found);
    dispatch();
}

// For write_ready().
void Leader::keep(PointIndex point, const std::vector<std::vector<double>>& partials) {
    const auto number = static_cast<std::int64_t>(point);
    if (ready_.size() > 0 && ready_.last != number) write_ready();
    if (ready_.size() == 0) ready_ = {number, number};
    ++ready_.last;
    const auto record = measurement_.record(partials);
    const bool finite = std::ranges::all_of(record, [](double value) { return std::isfinite(value); });
    records_.insert(records_.end(), record.begin(), record.end());
    statuses_.push_back(finite ? PointStatus::done : PointStatus::non_finite);
}

// First into the file, then to the master: what was reported survives any kill.
void Leader::write_ready() {
    if (ready_.size() == 0) return;
    file_.write(PointIndex{ready_.first}, records_, statuses_);
    unsynced_ = true;
    post_value(mailbox_, master, Tag::report, Report{ready_.size(), std::ranges::count(statuses_, PointStatus::non_finite)});
    adapt_queue();
    ready_ = {};
    records_.clear();
    statuses_.clear();
}

// Counted over queue_s at least: points that were finished while this thread did something else are written one after another in no time.
void Leader::adapt_queue() {
    written_ += ready_.size();
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> since = now - counted_from_;
    if (since.count() < queue_s) return;
    const auto in_time = queue_s / since.count() * static_cast<double>(written_);
    longest_queue_ = static_cast<std::size_t>(std::clamp<double>(in_time, shortest_queue, queue_limit));
    counted_from_ = now;
    written_ = 0;
}

void Leader::drain() {
    asked_ = true;  // no more leases
    lease_ = {};
    tell_workers(Tag::drain_worker, {});
}

void Leader::note_idle_worker() {
    if (++idle_workers_ < grid_.shards) return;
    in_flight_.clear();
    write_ready();
    if (unsynced_) sync();
    post(mailbox_, master, Tag::group_idle);
}

void Leader::tell_workers(Tag tag, std::span<const std::byte> bytes) {
    for (int shard = 0; shard < grid_.shards; ++shard) post(mailbox_, grid_.rank_of(grid_.group, shard), tag, bytes);
}

void Leader::sync() {
    file_.sync();
    unsynced_ = false;
    last_sync_ = std::chrono::steady_clock::now();
}

}  // namespace orograph::survey
