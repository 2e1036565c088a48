#pragma once

#include "orograph/par/communicator.hpp"

#include <cstddef>
#include <list>
#include <optional>
#include <span>
#include <vector>

namespace orograph::par {

struct Message {
    int source = 0;
    int tag = 0;
    std::vector<std::byte> bytes;
};

// Point-to-point messages for event loops: post() never blocks, poll() never waits. Messages between two ranks keep their order.
// A rank may post to itself. Not thread-safe: one thread of a rank uses it. What is still under way when it is destroyed is lost.
class Mailbox {
public:
    // Collective over comm (it is duplicated, so that no other traffic mixes in).
    explicit Mailbox(const Communicator& comm);
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    int rank() const { return comm_.rank(); }
    int size() const { return comm_.size(); }

    void post(int destination, int tag, std::span<const std::byte> bytes);
    std::optional<Message> poll();

    // All posted messages have left this rank (progresses them).
    bool sent();

private:
    struct Outgoing;
    struct Incoming;
    void drop_sent();
    void accept_arrivals();
    static bool is_here(Incoming& incoming);

    Communicator comm_;
    std::list<Outgoing> outgoing_;  // oldest first
    std::list<Incoming> incoming_;  // in the order of arrival, those to oneself included
};

}  // namespace orograph::par
