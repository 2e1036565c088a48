#include "orograph/par/mailbox.hpp"

#include "counts.hpp"

#include "orograph/core/error.hpp"
#include "orograph/par/mpi_access.hpp"

#include <algorithm>
#include <memory>

namespace orograph::par {
namespace {

// MPI may go on using the buffer of an unfinished transfer: better lose it than free it.
void abandon(MPI_Request& request, std::vector<std::byte>& bytes) {
    if (Communicator::world().is_null()) return;
    int done = 0;
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done) return;
    MPI_Request_free(&request);
    std::make_unique<std::vector<std::byte>>(std::move(bytes)).release();
}

}  // namespace

// A message on its way out.
struct Mailbox::Outgoing {
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
};

// A message on its way in; its request is null once it is here, and always for messages to oneself.
struct Mailbox::Incoming {
    Message message;
    MPI_Request request = MPI_REQUEST_NULL;
};

Mailbox::Mailbox(const Communicator& comm) : comm_(comm.duplicate()) {}

Mailbox::~Mailbox() {
    for (auto& outgoing : outgoing_) abandon(outgoing.request, outgoing.bytes);
    for (auto& incoming : incoming_) abandon(incoming.request, incoming.message.bytes);
}

// Copies the bytes. Preconditions: destination is a rank, 0 <= tag < 32768, bytes.size() fits an int.
void Mailbox::post(int destination, int tag, std::span<const std::byte> bytes) {
    OROGRAPH_EXPECT(destination >= 0 && destination < size());
    OROGRAPH_EXPECT(tag >= 0 && tag < 32768);
    const int count = checked_count(bytes.size());
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    if (destination == rank()) {
        incoming_.push_back({{destination, tag, std::move(copy)}});
        return;
    }
    auto& outgoing = outgoing_.emplace_back(Outgoing{std::move(copy)});
    OROGRAPH_MPI(MPI_Isend(outgoing.bytes.data(), count, MPI_BYTE, destination, tag, raw(comm_), &outgoing.request));
    drop_sent();
}

// The message that came first of those that are here as a whole. A later message of one source never passes an earlier one.
std::optional<Message> Mailbox::poll() {
    drop_sent();
    accept_arrivals();
    std::vector<int> waiting_for;
    for (auto incoming = incoming_.begin(); incoming != incoming_.end(); ++incoming) {
        const int source = incoming->message.source;
        if (std::find(waiting_for.begin(), waiting_for.end(), source) != waiting_for.end()) continue;
        if (!is_here(*incoming)) {
            waiting_for.push_back(source);
            continue;
        }
        auto message = std::move(incoming->message);
        incoming_.erase(incoming);
        return message;
    }
    return std::nullopt;
}

bool Mailbox::sent() {
    drop_sent();
    return outgoing_.empty();
}

void Mailbox::drop_sent() {
    while (!outgoing_.empty()) {
        int done = 0;
        OROGRAPH_MPI(MPI_Test(&outgoing_.front().request, &done, MPI_STATUS_IGNORE));
        if (!done) return;
        outgoing_.pop_front();
    }
}

// Starts to receive every message that has been announced. Receiving in the background, because a large one needs its sender's help,
// and the sender may be computing.
void Mailbox::accept_arrivals() {
    if (comm_.is_null()) return;
    while (true) {
        int announced = 0;
        MPI_Message handle;
        MPI_Status status;
        OROGRAPH_MPI(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, raw(comm_), &announced, &handle, &status));
        if (!announced) return;
        int count = 0;
        OROGRAPH_MPI(MPI_Get_count(&status, MPI_BYTE, &count));
        auto& incoming = incoming_.emplace_back(Incoming{{status.MPI_SOURCE, status.MPI_TAG, std::vector<std::byte>(count)}});
        OROGRAPH_MPI(MPI_Imrecv(incoming.message.bytes.data(), count, MPI_BYTE, &handle, &incoming.request));
    }
}

bool Mailbox::is_here(Incoming& incoming) {
    if (incoming.request == MPI_REQUEST_NULL) return true;
    int done = 0;
    OROGRAPH_MPI(MPI_Test(&incoming.request, &done, MPI_STATUS_IGNORE));
    return done != 0;
}

}  // namespace orograph::par
