#include "orograph/core/progress.hpp"

#include "orograph/core/error.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <utility>

namespace orograph {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Columns of the terminal behind stderr; 80 where there is none.
std::size_t terminal_columns() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string with_decimals(double value, int decimals) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    return buffer;
}

// About three significant digits.
std::string rate_text(double rate) {
    return with_decimals(rate, rate >= 100 ? 0 : rate >= 1 ? 1 : 3);
}

// Rounded down, so that 100.0 % means done.
std::string percent_text(std::uint64_t done, std::uint64_t total) {
    const double fraction = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
    return with_decimals(std::floor(fraction * 1000) / 10, 1) + " %";
}

// "[=====>    ] ", or nothing where there is no room for at least ten columns.
std::string bar_text(std::uint64_t done, std::uint64_t total, std::size_t room) {
    constexpr std::size_t narrowest = 13;
    constexpr std::size_t widest = 43;
    if (room < narrowest) return "";
    const std::size_t columns = std::min(room, widest) - 3;
    const double fraction = total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(columns));
    std::string bar(columns, ' ');
    std::fill_n(bar.begin(), filled, '=');
    if (filled < columns) bar[filled] = '>';
    return cat('[', bar, "] ");
}

// As wide as the terminal at most: a longer line would wrap and could not be redrawn.
std::string bar_line(const std::string& what, const std::string& counts, std::uint64_t done, std::uint64_t total) {
    const auto columns = terminal_columns();
    const auto used = what.size() + counts.size() + 3;
    const auto bar = bar_text(done, total, columns > used ? columns - used : 0);
    return cat(what, ": ", bar, counts).substr(0, columns - 1);
}

void write_to_stderr(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

}  // namespace

ProgressStyle progress_style_from(std::string_view word) {
    if (word == "auto") return ProgressStyle::automatic;
    if (word == "bar") return ProgressStyle::bar;
    if (word == "lines") return ProgressStyle::lines;
    OROGRAPH_VALIDATE(word == "none", ExitCode::config, "unknown progress style '", word, "'; choose auto, bar, lines or none");
    return ProgressStyle::none;
}

Progress::Progress(std::string what, std::string unit, std::uint64_t total, std::uint64_t already_done, double interval_s,
                   ProgressStyle style)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      first_(already_done),
      done_(already_done),
      interval_s_(interval_s),
      style_(style),
      start_(Clock::now()),
      last_draw_(start_) {
    if (style_ == ProgressStyle::automatic) style_ = ::isatty(STDERR_FILENO) ? ProgressStyle::bar : ProgressStyle::lines;
    if (style_ == ProgressStyle::bar) draw(false);
}

// Leaves the cursor on a fresh line also where an exception ends the work.
Progress::~Progress() {
    try {
        finish();
    } catch (...) {
        std::fputc('\n', stderr);
    }
}

void Progress::update(std::uint64_t done) {
    constexpr double bar_interval_s = 0.2;
    done_ = done;
    const double interval_s = style_ == ProgressStyle::bar ? bar_interval_s : interval_s_;
    if (!finished_ && seconds_since(last_draw_) >= interval_s) draw(false);
}

void Progress::finish() {
    if (finished_) return;
    finished_ = true;
    draw(true);
}

// One line in one write. The last one says how long it took instead of how long it will take.
void Progress::draw(bool last) {
    if (style_ == ProgressStyle::none) return;
    last_draw_ = Clock::now();
    const double elapsed_s = seconds_since(start_);
    const double rate = elapsed_s > 0 && done_ > first_ ? static_cast<double>(done_ - first_) / elapsed_s : 0.0;
    std::ostringstream counts;
    counts << done_ << '/' << total_ << ' ' << unit_ << ", " << percent_text(done_, total_);
    if (rate > 0) counts << ", " << rate_text(rate) << ' ' << unit_ << "/s";
    if (last) counts << ", took " << human_duration(elapsed_s);
    if (!last && rate > 0) counts << ", " << human_duration(static_cast<double>(total_ - std::min(done_, total_)) / rate) << " left";
    if (style_ == ProgressStyle::bar) {
        write_to_stderr(cat('\r', bar_line(what_, counts.str(), done_, total_), "\x1b[K", last ? "\n" : ""));
    } else {
        write_to_stderr(cat(what_, ": ", counts.str(), '\n'));
    }
}

}  // namespace orograph
