#include "worker.hpp"

#include "messages.hpp"

#include "orograph/core/error.hpp"

namespace orograph::survey {

namespace {

std::vector<std::byte> pack(const Partial& partial) {
    std::vector<std::byte> bytes(sizeof(PointIndex) + partial.values.size() * sizeof(double));
    std::memcpy(bytes.data(), &partial.point, sizeof(PointIndex));
    if (!partial.values.empty()) std::memcpy(bytes.data() + sizeof(PointIndex), partial.values.data(), partial.values.size() * sizeof(double));
    return bytes;
}

}  // namespace

Worker::Worker(par::Mailbox& mailbox, int leader, const Grid& points, landscape::Measurement& measurement)
    : mailbox_(mailbox), leader_(leader), thread_(points, measurement) {}

void Worker::handle(const par::Message& message) {
    switch (static_cast<Tag>(message.tag)) {
        case Tag::compute: thread_.push(unpack<PointIndex>(message.bytes)); break;
        case Tag::drain_worker:
            draining_ = true;
            thread_.cancel();
            break;
        case Tag::finish_worker: outcome_ = unpack<Outcome>(message.bytes); break;
        default: OROGRAPH_EXPECT(false);
    }
}

// Sends finished partials to the leader and, once drained, says so; true where it sent any. Throws what the measurement threw, when all that was
// finished before has been sent.
bool Worker::send_results() {
    bool sent = false;
    while (const auto partial = thread_.take()) {
        post(mailbox_, leader_, Tag::partial, pack(*partial));
        sent = true;
    }
    if (!sent) thread_.rethrow_error();
    if (draining_ && !said_idle_ && thread_.idle()) {
        post(mailbox_, leader_, Tag::worker_idle);
        said_idle_ = sent = true;
    }
    return sent;
}

// Passes a request to stop early on, once; while draining it is under way already.
void Worker::ask_to_stop() {
    if (said_stop_ || draining_) return;
    post(mailbox_, leader_, Tag::stop_group);
    said_stop_ = true;
}

}  // namespace orograph::survey
