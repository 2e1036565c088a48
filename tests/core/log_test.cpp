#include "orograph/core/log.hpp"

#include "fresh_folder.hpp"

#include <algorithm>
#include <regex>
#include <string>

namespace orograph {
namespace {

using log::Level;

// What `action` writes to stderr.
std::string written_by(const std::function<void()>& action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
}

void say_everything() {
    log::debug("a debug line");
    log::info("an info line");
    log::warn("a warn line");
    log::error("an error line");
    log::self(Level::info, "an own line");
}

TEST(Log, RankZeroSpeaks) {
    const auto text = written_by([] {
        log::configure(Level::info, 0);
        say_everything();
    });
    const std::string time = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d ";
    const std::regex expected(time + "info an info line\n" + time + "warning a warn line\n" + time + "error an error line\n" + time +
                              "info rank 0: an own line\n");
    EXPECT_TRUE(std::regex_match(text, expected)) << text;
}

TEST(Log, OtherRanksSpeakOnlyForThemselves) {
    const auto text = written_by([] {
        log::configure(Level::debug, 3);
        say_everything();
    });
    EXPECT_NE(text.find("rank 3: an own line\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("info line"), std::string::npos) << text;
    EXPECT_EQ(text.find("error line"), std::string::npos) << text;
}

TEST(Log, LevelsHideWhatIsBelow) {
    const auto count_lines = [](Level level) {
        const auto text = written_by([&] {
            log::configure(level, 0);
            say_everything();
        });
        return std::count(text.begin(), text.end(), '\n');
    };
    EXPECT_EQ(count_lines(Level::debug), 5);
    EXPECT_EQ(count_lines(Level::info), 4);
    EXPECT_EQ(count_lines(Level::warn), 2);
    EXPECT_EQ(count_lines(Level::error), 1);
    EXPECT_EQ(count_lines(Level::off), 0);
}

TEST(Log, BracesAndPercentsAreOrdinaryText) {
    const auto text = written_by([] {
        log::configure(Level::info, 0);
        log::info("100 % of {} {0} %v");
    });
    EXPECT_NE(text.find("100 % of {} {0} %v\n"), std::string::npos) << text;
}

TEST(Log, LevelsByName) {
    EXPECT_EQ(log::level_from("debug"), Level::debug);
    EXPECT_EQ(log::level_from("info"), Level::info);
    EXPECT_EQ(log::level_from("warn"), Level::warn);
    EXPECT_EQ(log::level_from("error"), Level::error);
    EXPECT_EQ(log::level_from("off"), Level::off);
    const auto message = testing_support::error_message(ExitCode::config, [] { log::level_from("loud"); });
    EXPECT_NE(message.find("loud"), std::string::npos) << message;
}

}  // namespace
}  // namespace orograph
