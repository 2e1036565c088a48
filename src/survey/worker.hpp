#pragma once

#include "compute_thread.hpp"

#include "orograph/par/mailbox.hpp"
#include "orograph/survey/survey.hpp"

#include <optional>

namespace orograph::survey {

// A rank's part in its group: computes this shard's partial of each point that the leader sends.
class Worker {
public:
    Worker(par::Mailbox& mailbox, int leader, const Grid& points, landscape::Measurement& measurement);
    void handle(const par::Message& message);
    bool send_results();
    void ask_to_stop();
    bool computing() { return !thread_.idle(); }
    void wait(std::chrono::microseconds longest) { thread_.wait(longest); }
    const std::optional<Outcome>& outcome() const { return outcome_; }

private:
    par::Mailbox& mailbox_;
    int leader_;
    bool draining_ = false, said_idle_ = false, said_stop_ = false;
    std::optional<Outcome> outcome_;
    ComputeThread thread_;
};

}  // namespace orograph::survey
