#include "orograph/core/progress.hpp"

#include "fresh_folder.hpp"

#include <algorithm>
#include <chrono>
#include <regex>
#include <string>
#include <thread>

namespace orograph {
namespace {

// What `action` writes to stderr, which is no terminal meanwhile.
std::string written_by(const std::function<void()>& action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
}

void pause_ms(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(Progress, WritesLinesWhereThereIsNoTerminal) {
    const auto text = written_by([] {
        Progress progress("surface a.h5", "points", 200, 0, 0, ProgressStyle::automatic);
        pause_ms(20);
        progress.update(50);
        progress.update(200);
        progress.finish();
        progress.finish();
    });
    const std::string rate = ", [0-9.]+ points/s, ";
    const std::regex expected("surface a.h5: 50/200 points, 25.0 %" + rate + "[0-9.]+ s left\n" +  //
                              "surface a.h5: 200/200 points, 100.0 %" + rate + "0.0 s left\n" +    //
                              "surface a.h5: 200/200 points, 100.0 %" + rate + "took [0-9.]+ s\n");
    EXPECT_TRUE(std::regex_match(text, expected)) << text;
    EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, LinesKeepTheirInterval) {
    const auto text = written_by([] {
        Progress progress("job", "points", 1000, 0, 3600, ProgressStyle::lines);
        for (int done = 1; done <= 1000; ++done) progress.update(done);
    });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

// 10 points in at least 0.1 s are at most 100 a second, however many were there before.
TEST(Progress, RateCountsOnlyThisRun) {
    const auto text = written_by([] {
        Progress progress("job", "points", 2000000, 1000000, 3600, ProgressStyle::lines);
        pause_ms(100);
        progress.update(1000010);
        progress.finish();
    });
    std::smatch match;
    ASSERT_TRUE(std::regex_search(text, match, std::regex("1000010/2000000 points, 50.0 %, ([0-9.]+) points/s"))) << text;
    EXPECT_LE(std::stod(match[1]), 100.0);
    EXPECT_GT(std::stod(match[1]), 0.0);
}

TEST(Progress, PercentIsNotRoundedUpToDone) {
    const auto text = written_by([] {
        Progress progress("job", "points", 100000, 0, 0, ProgressStyle::lines);
        progress.update(99999);
    });
    EXPECT_NE(text.find("99999/100000 points, 99.9 %"), std::string::npos) << text;
    EXPECT_EQ(text.find("100.0 %"), std::string::npos) << text;
}

TEST(Progress, BarIsRedrawnOnOneLine) {
    const auto text = written_by([] {
        Progress progress("job", "points", 4, 0, 10, ProgressStyle::bar);
        progress.update(1);
        pause_ms(220);
        progress.update(2);
        progress.update(4);
    });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_EQ(text.back(), '\n');
    EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 3) << text;
    const std::regex expected("\rjob: \\[>[ ]+\\] 0/4[^\r]*\rjob: \\[(=+)>[ ]+\\] 2/4[^\r]*\rjob: \\[=+\\] 4/4[^\r]*\n");
    std::smatch match;
    EXPECT_TRUE(std::regex_match(text, match, expected)) << text;
}

TEST(Progress, BarNeverWraps) {
    const auto text = written_by([] { Progress progress(std::string(300, 'x'), "points", 4, 0, 10, ProgressStyle::bar); });
    std::size_t drawn = 0;
    std::size_t at = 0;
    while ((at = text.find('\r', at)) != std::string::npos) {
        const auto end = text.find('\x1b', at);
        EXPECT_LT(end - at - 1, 80U);
        at = end;
        ++drawn;
    }
    EXPECT_EQ(drawn, 2U);
}

TEST(Progress, NothingToDoIsDone) {
    const auto text = written_by([] { Progress progress("job", "points", 0, 0, 10, ProgressStyle::lines); });
    EXPECT_EQ(text, "job: 0/0 points, 100.0 %, took 0.0 s\n");
}

TEST(Progress, NoneIsSilent) {
    const auto text = written_by([] {
        Progress progress("job", "points", 10, 0, 0, ProgressStyle::none);
        progress.update(5);
    });
    EXPECT_EQ(text, "");
}

TEST(Progress, StylesByName) {
    EXPECT_EQ(progress_style_from("auto"), ProgressStyle::automatic);
    EXPECT_EQ(progress_style_from("bar"), ProgressStyle::bar);
    EXPECT_EQ(progress_style_from("lines"), ProgressStyle::lines);
    EXPECT_EQ(progress_style_from("none"), ProgressStyle::none);
    testing_support::error_message(ExitCode::config, [] { progress_style_from("dots"); });
}

}  // namespace
}  // namespace orograph
