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

// A group's part in the survey: takes leases from the master, has the group's workers compute their points, writes the records to the file
// and reports them.
class Leader {
public:
    Leader(const par::ProcessGrid& grid, par::Mailbox& mailbox, const landscape::Measurement& measurement, SurfaceFile& file,
           const RunOptions& options);
    void handle(const par::Message& message);
    void write_ready();
    void sync_if_due();

private:
    struct Gathering {
        std::vector<std::vector<double>> partials;  // by shard
        int missing = 0;
    };

    void ask();
    void dispatch();
    void gather(const par::Message& message);
    void keep(PointIndex point, const std::vector<std::vector<double>>& partials);
    void adapt_queue();
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
    std::size_t longest_queue_;                  // of in_flight_
    PointRange ready_;                           // points whose records are not in the file yet ...
    std::vector<double> records_;                // ... [point][field]
    std::vector<PointStatus> statuses_;
    std::chrono::steady_clock::time_point counted_from_;
    std::int64_t written_ = 0;  // points, since counted_from_
    bool asked_ = false;
    int idle_workers_ = 0;
};

}  // namespace orograph::survey
