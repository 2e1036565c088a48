#include "fresh_folder.hpp"

#include "orograph/core/files.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

namespace orograph {
namespace {

namespace fs = std::filesystem;
using testing_support::contents;
using testing_support::error_message;
using testing_support::FreshFolder;
using testing_support::put;

// A child process that runs `body` and ends with its result, without the test framework's clean-up.
pid_t start_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    return child;
}

int status_of(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
}

TEST(FileLock, RemovesItsSideFileOnRelease) {
    const FreshFolder folder;
    {
        const FileLock lock(folder / "new" / "a.h5");
        EXPECT_TRUE(fs::exists(folder / "new" / "a.h5.lock"));
        EXPECT_FALSE(fs::exists(folder / "new" / "a.h5"));
    }
    EXPECT_TRUE(fs::is_empty(folder / "new"));
}

TEST(FileLock, SecondHolderIsToldTheFirst) {
    const FreshFolder folder;
    const FileLock lock(folder / "a.h5");
    const auto message = error_message(ExitCode::cannot_create, [&] { FileLock second(folder / "a.h5"); });
    EXPECT_NE(message.find(cat("pid ", ::getpid(), " on ")), std::string::npos) << message;
    EXPECT_NE(message.find((folder / "a.h5").string()), std::string::npos) << message;
    EXPECT_TRUE(fs::exists(folder / "a.h5.lock"));
    const FileLock other(folder / "b.h5");
}

TEST(FileLock, CanBeTakenAgainAndMoved) {
    const FreshFolder folder;
    { const FileLock lock(folder / "a.h5"); }
    FileLock lock(folder / "a.h5");
    FileLock moved(std::move(lock));
    error_message(ExitCode::cannot_create, [&] { FileLock second(folder / "a.h5"); });
    {
        FileLock assigned(folder / "b.h5");
        assigned = std::move(moved);
    }
    FileLock again(folder / "a.h5");
}

TEST(FileLock, DiesWithItsProcess) {
    const FreshFolder folder;
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = start_child([&] {
        const FileLock lock(folder / "a.h5");
        if (::write(ready[1], "x", 1) != 1) return 1;
        while (true) ::pause();
    });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    const auto message = error_message(ExitCode::cannot_create, [&] { FileLock second(folder / "a.h5"); });
    EXPECT_NE(message.find(cat("pid ", child, " on ")), std::string::npos) << message;
    ::kill(child, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(status_of(child)));
    EXPECT_TRUE(fs::exists(folder / "a.h5.lock"));
    { const FileLock lock(folder / "a.h5"); }
    EXPECT_EQ(folder.entries(), 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

// Adds `times` to the number in `counter`, one at a time, each in its own lock: two holders at once would lose an addition.
int count_under_lock(const fs::path& counter, int times) {
    for (int done = 0; done < times;) {
        try {
            const FileLock lock(counter);
            const int value = std::stoi(contents(counter));
            ::usleep(50);
            put(counter, std::to_string(value + 1));
            ++done;
        } catch (const Error&) {
            ::usleep(100);
        }
    }
    return 0;
}

TEST(FileLock, ExcludesCompetingProcesses) {
    const FreshFolder folder;
    put(folder / "counter", "0");
    constexpr int processes = 4;
    constexpr int times = 200;
    std::vector<pid_t> children;
    for (int i = 0; i < processes; ++i) children.push_back(start_child([&] { return count_under_lock(folder / "counter", times); }));
    for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
    EXPECT_EQ(contents(folder / "counter"), std::to_string(processes * times));
    EXPECT_EQ(folder.entries(), 1);
}

TEST(FileLock, RefusesPlacesThatCannotHoldIt) {
    const FreshFolder folder;
    put(folder / "file", "text");
    error_message(ExitCode::cannot_create, [&] { FileLock lock(folder / "file" / "a.h5"); });
    error_message(ExitCode::cannot_create, [&] { FileLock lock("/proc/a.h5"); });
    fs::create_directory(folder / "a.h5.lock");
    error_message(ExitCode::cannot_create, [&] { FileLock lock(folder / "a.h5"); });
    EXPECT_EQ(folder.entries(), 2);
}

}  // namespace
}  // namespace orograph
