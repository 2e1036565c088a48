#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace orograph {

enum class ProgressStyle { automatic, bar, lines, none };

// "auto", "bar", "lines", "none"; throws Error(config) for another word.
ProgressStyle progress_style_from(std::string_view word);

// Progress on stderr: a bar with rate and time left on a terminal (redrawn with carriage returns), one line every interval_s
// seconds elsewhere. Rate and time left count only what this run did, so they are right after a resume. Use on rank 0 only.
class Progress {
public:
    // `what` heads each line ("surface out/a.h5"), `unit` names the things counted ("points").
    Progress(std::string what, std::string unit, std::uint64_t total, std::uint64_t already_done, double interval_s,
             ProgressStyle style);
    ~Progress();
    void update(std::uint64_t done);
    void finish();  // the last line; idempotent

private:
    void draw(bool last);

    std::string what_, unit_;
    std::uint64_t total_, first_, done_;
    double interval_s_;
    ProgressStyle style_;
    bool finished_ = false;
    std::chrono::steady_clock::time_point start_, last_draw_;
};

}  // namespace orograph
