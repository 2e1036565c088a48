#pragma once

#include "hung_points.hpp"
#include "lease_watch.hpp"
#include "messages.hpp"

#include "orograph/par/mailbox.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/lease.hpp"
#include "orograph/survey/survey.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace orograph::survey {

// Rank 0's part: leases points to the groups' leaders, counts what they report, shows the progress and ends the survey.
class Master {
public:
    Master(const par::ProcessGrid& grid, par::Mailbox& mailbox, const Grid& points, std::vector<PointRange> pending, SurfaceFile& file,
           const RunOptions& options);
    void handle(const par::Message& message);
    void stop();
    void look_after();
    const std::optional<Outcome>& outcome() const { return outcome_; }

private:
    void send(const std::vector<LeaseDesk::Grant>& grants);
    void note_report(int leader, const Report& report);
    void drain();
    void finish();
    void show_progress() { progress_.update(total_ - desk_.unreported()); }
    void abandon(const LeaseWatch::Waiting& hung);
    void tell_leaders(Tag tag, std::span<const std::byte> bytes);

    const par::ProcessGrid& grid_;
    par::Mailbox& mailbox_;
    SurfaceFile& file_;
    const RunOptions& options_;
    LeaseDesk desk_;
    LeaseWatch watch_;
    HungPoints hung_points_;
    std::int64_t total_;
    bool draining_ = false;
    int idle_groups_ = 0;
    std::int64_t non_finite_, failed_, computed_ = 0;
    std::chrono::steady_clock::time_point start_, last_look_;
    Progress progress_;
    std::optional<Outcome> outcome_;
};

}  // namespace orograph::survey
