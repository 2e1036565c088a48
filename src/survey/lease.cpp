#include "orograph/survey/lease.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::survey {

// `pending`: disjoint ranges in the order in which they are to be leased; empty ones are dropped. groups >= 1, max_lease >= 1.
LeaseBook::LeaseBook(std::vector<PointRange> pending, int groups, std::int64_t max_lease)
    : pending_(std::move(pending)), groups_(groups), max_lease_(max_lease) {
    OROGRAPH_EXPECT(groups_ >= 1 && max_lease_ >= 1);
    std::erase_if(pending_, [](const PointRange& range) { return range.size() <= 0; });
    std::reverse(pending_.begin(), pending_.end());
    for (const auto& range : pending_) remaining_ += range.size();
}

// The next lease, cut short where its range of pending points ends; none once all are leased.
std::optional<PointRange> LeaseBook::next() {
    if (pending_.empty()) return std::nullopt;
    auto& range = pending_.back();
    const auto share = std::clamp<std::int64_t>(remaining_ / (4 * std::int64_t{groups_}), 1, max_lease_);
    const PointRange lease{range.first, range.first + std::min(share, range.size())};
    range.first = lease.last;
    remaining_ -= lease.size();
    if (range.size() == 0) pending_.pop_back();
    return lease;
}

LeaseDesk::LeaseDesk(LeaseBook book, int groups)
    : book_(std::move(book)), unreported_(book_.remaining()), in_hand_(static_cast<std::size_t>(groups), 0) {}

std::vector<LeaseDesk::Grant> LeaseDesk::ask(int group) {
    waiting_.push_back(group);
    return grant();
}

std::vector<LeaseDesk::Grant> LeaseDesk::report(int group, std::int64_t points) {
    in_hand_.at(static_cast<std::size_t>(group)) -= points;
    unreported_ -= points;
    return grant();
}

std::vector<LeaseDesk::Grant> LeaseDesk::grant() {
    std::vector<Grant> grants;
    std::erase_if(waiting_, [&](int group) {
        auto& in_hand = in_hand_.at(static_cast<std::size_t>(group));
        if (in_hand > 0 && book_.remaining() <= 2 * std::ssize(in_hand_)) return false;
        const auto lease = book_.next();
        if (!lease) return false;
        in_hand += lease->size();
        grants.push_back({group, *lease});
        return true;
    });
    return grants;
}

}  // namespace orograph::survey
