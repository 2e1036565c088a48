#pragma once

#include "messages.hpp"

#include "orograph/par/mailbox.hpp"
#include "orograph/par/process_grid.hpp"
#include "orograph/survey/lease.hpp"
#include "orograph/survey/survey.hpp"

#include <chrono>
#include <map>
#include <vector>

namespace orograph::survey {

// A group's part in the survey: takes leases from the master, has the group's workers compute their points, writes the records to the file and reports them.
class Leader {
public:
    Leader(const par::ProcessGrid& grid, par::Mailbox& mailbox, const landscape::Measurement& measurement, SurfaceFile& file, const RunOptions& options);
    void handle(const par::Message& message);
    void sync_if_due();

private:
    struct Gathering {
        std::vector<std::vector<double>> partials;  // by shard
        int missing = 0;
    };

    void ask();
    void dispatch();
    void gather(const par::Message& message);
    void write(PointIndex point, const std::vector<std::vector<double>>& partials);
    void drain();
    void note_idle_worker();
    void tell_workers(Tag tag, std::span<const std::byte> bytes);
    void sync();

    const par::ProcessGrid& grid_;
    par::Mailbox& mailbox_;
    const landscape::Measurement& measurement_;
    SurfaceFile& file_;
    const RunOptions& options_;
    std::chrono::steady_clock::time_point last_sync_;
    bool unsynced_ = false;
    PointRange lease_;                           // points not sent to the workers yet
    std::map<PointIndex, Gathering> in_flight_;  // points that the workers have
    bool asked_ = false;
    int idle_workers_ = 0;
};

}  // namespace orograph::survey
