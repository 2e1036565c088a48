#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace orograph::par {

// A communicator as a cheap value; copying never communicates. The null communicator means serial: rank 0 of 1, and no function
// here makes an MPI call on it.
class Communicator {
public:
    Communicator() = default;
    static Communicator world();  // null where MPI is not initialised

    int rank() const;
    int size() const;
    bool is_null() const { return impl_ == nullptr; }

    // Collective over this. Ranks of one color form one communicator, ordered by key.
    Communicator split(int color, int key) const;
    // Collective over this. The ranks that share this rank's node.
    Communicator split_node() const;
    // Collective over this. Same ranks, separate messages.
    Communicator duplicate() const;

    struct Impl;
    const Impl* impl() const { return impl_.get(); }

private:
    explicit Communicator(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

// Collective over comm. Waits asleep (1 ms polls), so that a rank that comes early costs no core.
void barrier(const Communicator& comm);

// Collective over comm. Root's bytes replace everybody's; all pass the same size.
void broadcast(const Communicator& comm, std::span<std::byte> bytes, int root);
void broadcast(const Communicator& comm, std::string& text, int root);               // size travels too

// Collective over comm. Largest, smallest, and sum over ranks.
std::int64_t all_max(const Communicator& comm, std::int64_t value);
std::int64_t all_min(const Communicator& comm, std::int64_t value);
std::int64_t all_sum(const Communicator& comm, std::int64_t value);

// Collective over comm. Sums over ranks, element by element, added in the order of ranks: the same bits on every rank, and every time. All
// pass the same size.
void all_sum(const Communicator& comm, std::span<float> values);

// Collective over comm. Each rank's text, in rank order, on every rank.
std::vector<std::string> all_gather(const Communicator& comm, const std::string& text);

// Collective over comm. Runs `action` on every rank; when it throws on any, every rank throws the Error of the lowest rank that
// failed (same code and message), so that no rank goes on alone. Ranks that end early wait asleep. `action` itself must not
// communicate.
void agree(const Communicator& comm, const std::function<void()>& action);

// Collective over comm. Runs `action` on rank 0 alone; its Error is thrown on every rank.
void on_root(const Communicator& comm, const std::function<void()>& action);

}  // namespace orograph::par
