#pragma once

#include "orograph/par/mailbox.hpp"

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

// What the ranks of a survey tell each other. Messages travel between a worker and its leader and between a leader and the master only (a leader is its group's first worker, and posts to itself), and two ranks' messages keep
// their order. So after a worker's worker_idle and a leader's group_idle nothing more comes up, after finish_group and finish_worker nothing more comes down, and no message is under way when run() returns.
namespace orograph::survey {

enum class Tag : int {
    // leader -> master
    ask,          // wants a lease
    report,       // Report of points that are in the file
    stop_survey,  // a rank of this group was asked to stop early
    group_idle,   // drained, file synced
    // master -> leader
    lease,         // PointRange
    drain_group,   // drop the points in hand
    finish_group,  // Outcome
    // worker -> leader
    partial,      // PointIndex, then float64 values
    stop_group,   // this rank was asked to stop early
    worker_idle,  // drained
    // leader -> worker
    compute,        // PointIndex
    drain_worker,   // drop the points in hand
    finish_worker,  // Outcome
};

struct Report {
    std::int64_t points = 0, non_finite = 0;
};

enum class Role { master, leader, worker };

inline Role recipient(Tag tag) {
    if (tag <= Tag::group_idle) return Role::master;
    return tag <= Tag::worker_idle ? Role::leader : Role::worker;
}

template <class T>
T unpack(std::span<const std::byte> bytes) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

inline void post(par::Mailbox& mailbox, int destination, Tag tag, std::span<const std::byte> bytes = {}) {
    mailbox.post(destination, static_cast<int>(tag), bytes);
}

template <class T>
    requires std::is_trivially_copyable_v<T>
void post_value(par::Mailbox& mailbox, int destination, Tag tag, const T& value) {
    post(mailbox, destination, tag, std::as_bytes(std::span(&value, 1)));
}

}  // namespace orograph::survey
