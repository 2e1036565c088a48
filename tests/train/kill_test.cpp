#include "synthetic.hpp"

#include "orograph/core/safetensors.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <set>
#include <thread>

namespace orograph::train {
namespace {

using testing::bytes_of;
using testing::TemporaryFolder;

// train_runner in a process of its own; killed and waited for on destruction.
class Runner {
public:
    explicit Runner(const std::filesystem::path& folder) : process_(fork()) {
        if (process_ == 0) {
            execl(TRAIN_RUNNER, TRAIN_RUNNER, folder.c_str(), nullptr);
            _exit(127);
        }
    }
    ~Runner() {
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
            wait();
        }
    }
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    void kill(int signal) const { ::kill(process_, signal); }
    bool running() { return process_ > 0 && waitpid(process_, &status_, WNOHANG) == 0; }
    // Exit code, or minus the signal that ended it.
    int wait() {
        waitpid(process_, &status_, 0);
        process_ = -1;
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
    }

private:
    pid_t process_;
    int status_ = 0;
};

using Milliseconds = std::chrono::milliseconds;

// Waits until the run has saved something that was not there before.
void wait_for_a_save(Runner& runner, const std::filesystem::path& resume, const std::string& before) {
    for (int tries = 0; tries < 30000 && runner.running(); ++tries) {
        if (std::filesystem::exists(resume) && bytes_of(resume) != before) return;
        std::this_thread::sleep_for(Milliseconds(1));
    }
}

std::string position(const std::filesystem::path& resume) {
    const auto metadata = read_safetensors(resume).metadata;
    return metadata.at("epoch") + "/" + metadata.at("step");
}

std::set<std::string> files_in(const std::filesystem::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename());
    return names;
}

class KillTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        undisturbed_ = std::make_unique<TemporaryFolder>();
        ASSERT_EQ(Runner(*undisturbed_ / "run").wait(), 0);
    }
    static void TearDownTestSuite() { undisturbed_.reset(); }

    static void expect_undisturbed(const TemporaryFolder& folder) {
        for (const std::string name : {"final.safetensors", "history.csv", "epoch-001.safetensors", "epoch-002.safetensors"}) {
            const std::string expected = bytes_of(*undisturbed_ / ("run/" + name));
            ASSERT_FALSE(expected.empty());
            EXPECT_EQ(bytes_of(folder / ("run/" + name)), expected) << name;
        }
    }

    static std::unique_ptr<TemporaryFolder> undisturbed_;
};

std::unique_ptr<TemporaryFolder> KillTest::undisturbed_;

TEST_F(KillTest, SigkillAtAnyTimeLosesNothing) {
    const TemporaryFolder folder;
    std::mt19937 random(20181);
    for (int kills = 0; kills < 4; ++kills) {
        Runner runner(folder / "run");
        wait_for_a_save(runner, folder / "run/resume.safetensors", bytes_of(folder / "run/resume.safetensors"));
        std::this_thread::sleep_for(Milliseconds(random() % 100));
        runner.kill(SIGKILL);
        const int code = runner.wait();
        EXPECT_TRUE(code == -SIGKILL || code == 0) << code;
    }
    EXPECT_EQ(Runner(folder / "run").wait(), 0);
    expect_undisturbed(folder);
    EXPECT_EQ(files_in(folder / "run"), files_in(*undisturbed_ / "run"));
}

TEST_F(KillTest, SignalsStopItInTheMiddleOfAnEpoch) {
    const TemporaryFolder folder;
    std::set<std::string> positions;
    for (const int signal : {SIGUSR1, SIGTERM}) {
        Runner runner(folder / "run");
        wait_for_a_save(runner, folder / "run/resume.safetensors", bytes_of(folder / "run/resume.safetensors"));
        runner.kill(signal);
        EXPECT_EQ(runner.wait(), 75) << "signal " << signal;
        positions.insert(position(folder / "run/resume.safetensors"));
    }
    EXPECT_EQ(positions.size(), 2U) << "the second run did not go on";
    EXPECT_EQ(Runner(folder / "run").wait(), 0);
    expect_undisturbed(folder);
}

}  // namespace
}  // namespace orograph::train
