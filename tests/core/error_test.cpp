#include "orograph/core/error.hpp"

#include "fresh_folder.hpp"

#include "orograph/core/version.hpp"

#include <string>

namespace orograph {
namespace {

using testing_support::error_message;

TEST(Error, ValidateThrowsCodeAndJoinedMessage) {
    const int zero = 0;
    OROGRAPH_VALIDATE(zero == 0, ExitCode::config, "not thrown");
    EXPECT_EQ(error_message(ExitCode::config, [&] { OROGRAPH_VALIDATE(zero == 1, ExitCode::config, "grid.x has ", zero, " points"); }),
              "grid.x has 0 points");
}

TEST(Error, AMessageIsOneLineWhateverItRepeats) {
    const std::string name = "a\nb\t\x1b[31m\x7f\xc3\xa9";
    EXPECT_EQ(error_message(ExitCode::data, [&] { throw Error(ExitCode::data, name); }), "a b??[31m?\xc3\xa9");
}

TEST(Error, ValidateIsOneStatement) {
    bool reached_else = false;
    if (false)
        OROGRAPH_VALIDATE(false, ExitCode::config, "not thrown");
    else
        reached_else = true;
    EXPECT_TRUE(reached_else);
}

TEST(Error, BrokenContractNamesItsPlace) {
    const auto message = error_message(ExitCode::internal, [] { detail::contract_failed("precondition", "n > 0", "a.cpp", 7); });
    EXPECT_NE(message.find("precondition does not hold: n > 0 (a.cpp:7)"), std::string::npos) << message;
}

TEST(Error, ContractsFollowTheBuildOption) {
    int calls = 0;
    [[maybe_unused]] const auto holds = [&] { return ++calls > 0; };
    OROGRAPH_EXPECT(holds());
    OROGRAPH_ENSURE(holds());
    EXPECT_EQ(calls, OROGRAPH_CONTRACTS ? 2 : 0);
}

TEST(Error, CodesAreThoseOfSysexits) {
    EXPECT_EQ(static_cast<int>(ExitCode::usage), 64);
    EXPECT_EQ(static_cast<int>(ExitCode::data), 65);
    EXPECT_EQ(static_cast<int>(ExitCode::no_input), 66);
    EXPECT_EQ(static_cast<int>(ExitCode::unavailable), 69);
    EXPECT_EQ(static_cast<int>(ExitCode::internal), 70);
    EXPECT_EQ(static_cast<int>(ExitCode::cannot_create), 73);
    EXPECT_EQ(static_cast<int>(ExitCode::io), 74);
    EXPECT_EQ(static_cast<int>(ExitCode::stopped), 75);
    EXPECT_EQ(static_cast<int>(ExitCode::config), 78);
}

TEST(Version, IsTheProjectsOfCMake) {
    const auto lists = testing_support::contents(std::string(OROGRAPH_SOURCE_DIR) + "/CMakeLists.txt");
    EXPECT_NE(lists.find(cat("project(orograph VERSION ", version(), " ")), std::string::npos) << version();
}

}  // namespace
}  // namespace orograph
