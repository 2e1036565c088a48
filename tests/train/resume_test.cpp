#include "synthetic.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/train/trainer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

namespace orograph::train {
namespace {

using testing::bytes_of;
using testing::make_dataset;
using testing::TemporaryFolder;

constexpr const char* newest = "run/resume.safetensors";
constexpr const char* previous = "run/resume.previous.safetensors";

// "dropout" is the perceptron with dropout in place of its second ReLU.
model::Network make_network(const std::string& name) {
    if (name != "dropout") return model::build_network(name, 1, 10);
    model::Network network = model::build_network("mlp", 1, 10);
    network.ops[5].kind = model::OpKind::dropout;
    network.ops[5].probability = 0.5;
    return network;
}

// One small run of a network that can be stopped after any number of steps, and what it leaves when it is not.
class ResumeTest : public ::testing::TestWithParam<std::string> {
protected:
    ResumeTest() : dataset_(make_dataset(38, 16)), network_(make_network(GetParam())), start_(model::initial_weights(network_, 5)) {
        recipe_.lr = 0.02;
        recipe_.epochs = 3;
        recipe_.batch = 8;  // four batches and one of 6 images
        recipe_.milestones = {1};
        if (GetParam() == "mlp") recipe_.optimizer = OptimizerKind::adam;
    }

    // Stops when asked for the (steps + 1)-th time; -1: never.
    Outcome run(const TemporaryFolder& folder, int steps, const Place& place) {
        auto asked = std::make_shared<std::atomic<int>>(0);
        Machine machine{.threads = 2, .progress = "none", .save_s = 1e9};
        machine.stop = [asked, steps] { return steps >= 0 && (*asked)++ >= steps; };
        return train(network_, start_, dataset_, recipe_, {folder / "run", place.fingerprints, place.overwrite}, machine);
    }
    Outcome run(const TemporaryFolder& folder, int steps) { return run(folder, steps, {{}, {{"run", "this"}}, false}); }

    void expect_undisturbed(const TemporaryFolder& folder) {
        static std::map<std::string, Files> undisturbed;
        if (!undisturbed.contains(GetParam())) {
            const TemporaryFolder fresh;
            run(fresh, -1);
            undisturbed[GetParam()] = files_of(fresh);
        }
        const Files expected = undisturbed[GetParam()], files = files_of(folder);
        ASSERT_FALSE(expected.final_weights.empty());
        EXPECT_EQ(files.final_weights, expected.final_weights);
        EXPECT_EQ(files.history, expected.history);
    }

    struct Files {
        std::string final_weights, history;
    };
    static Files files_of(const TemporaryFolder& folder) {
        return {bytes_of(folder / "run/final.safetensors"), bytes_of(folder / "run/history.csv")};
    }

    static std::string step_of(const std::filesystem::path& file) {
        const auto metadata = read_safetensors(file).metadata;
        return metadata.at("epoch") + "/" + metadata.at("step");
    }

    template <class Action>
    static std::pair<ExitCode, std::string> error_of(Action action) {
        try {
            action();
        } catch (const Error& error) {
            return {error.code(), error.what()};
        }
        return {ExitCode::done, ""};
    }

    static void truncate(const std::filesystem::path& file) { std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2); }

    static void flip_last_bit(const std::filesystem::path& path) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(-1, std::ios::end);
        const char last = static_cast<char>(file.get() ^ 1);
        file.seekp(-1, std::ios::end);
        file.put(last);
    }

    data::Dataset dataset_;
    model::Network network_;
    model::Weights start_;
    Recipe recipe_;
};

// What does not depend on the network.
class FolderTest : public ResumeTest {};

TEST_P(ResumeTest, GoesOnBitwiseFromTheMiddleOfAnEpoch) {
    const TemporaryFolder folder;
    EXPECT_FALSE(run(folder, 0).complete);
    EXPECT_EQ(step_of(folder / newest), "0/0");
    EXPECT_FALSE(run(folder, 2).complete);
    EXPECT_EQ(step_of(folder / newest), "0/2");
    EXPECT_FALSE(run(folder, 1).complete);
    EXPECT_EQ(step_of(folder / newest), "0/3");
    EXPECT_EQ(step_of(folder / previous), "0/2");
    EXPECT_FALSE(std::filesystem::exists(folder / "run/final.safetensors"));
    EXPECT_TRUE(run(folder, -1).complete);
    expect_undisturbed(folder);
}

TEST_P(ResumeTest, GoesOnBitwiseFromAStoppedEvaluation) {
    const TemporaryFolder folder;
    const Outcome stopped = run(folder, 5);  // the sixth time is asked while the first epoch is evaluated
    EXPECT_FALSE(stopped.complete);
    EXPECT_TRUE(run(folder, -1).complete);
    expect_undisturbed(folder);
}

TEST_P(FolderTest, UsesThePreviousFileWhenTheNewestIsBroken) {
    for (const auto damage : {&truncate, &flip_last_bit}) {
        const TemporaryFolder folder;
        run(folder, 2);
        run(folder, 2);
        damage(folder / newest);
        EXPECT_TRUE(run(folder, -1).complete);
        expect_undisturbed(folder);
    }
}

TEST_P(FolderTest, UsesThePreviousFileWhenDeathCameBetweenTheRenames) {
    const TemporaryFolder folder;
    run(folder, 2);
    run(folder, 2);
    std::filesystem::rename(folder / newest, folder / "run/resume.next.safetensors");
    EXPECT_FALSE(run(folder, 0).complete);
    EXPECT_EQ(step_of(folder / newest), "0/4");
    std::filesystem::remove(folder / newest);
    std::filesystem::remove(folder / "run/resume.next.safetensors");
    EXPECT_TRUE(run(folder, -1).complete);
    expect_undisturbed(folder);
}

TEST_P(FolderTest, SaysWhatToDoWhenBothAreBroken) {
    const TemporaryFolder folder;
    run(folder, 2);
    run(folder, 2);
    truncate(folder / newest);
    truncate(folder / previous);
    const auto [code, message] = error_of([&] { run(folder, -1); });
    EXPECT_EQ(code, ExitCode::data);
    EXPECT_NE(message.find("output.overwrite"), std::string::npos) << message;
    EXPECT_TRUE(run(folder, -1, {{}, {{"run", "this"}}, true}).complete);
    expect_undisturbed(folder);
}

TEST_P(FolderTest, RefusesAnotherRunUnlessToldToOverwrite) {
    const TemporaryFolder folder;
    EXPECT_TRUE(run(folder, -1, {{}, {{"run", "another"}}, false}).complete);
    std::ofstream(folder / "run/notes.txt") << "the user's";
    const std::string before = bytes_of(folder / newest);
    const auto [code, message] = error_of([&] { run(folder, -1); });
    EXPECT_EQ(code, ExitCode::data);
    EXPECT_NE(message.find("another run (another; this job has this)"), std::string::npos) << message;
    EXPECT_NE(message.find("output.overwrite"), std::string::npos) << message;
    EXPECT_EQ(bytes_of(folder / newest), before);
    EXPECT_FALSE(run(folder, 2, {{}, {{"run", "this"}}, true}).complete);
    EXPECT_FALSE(std::filesystem::exists(folder / "run/epoch-003.safetensors"));
    EXPECT_FALSE(std::filesystem::exists(folder / "run/final.safetensors"));
    EXPECT_EQ(bytes_of(folder / "run/notes.txt"), "the user's");
    EXPECT_TRUE(run(folder, -1, {{}, {{"run", "this"}}, true}).complete);
    expect_undisturbed(folder);
}

TEST_P(FolderTest, KeepsCheckpointsThatItDidNotWrite) {
    const TemporaryFolder folder;
    run(folder, -1);
    std::filesystem::remove(folder / newest);
    std::filesystem::remove(folder / previous);
    EXPECT_EQ(error_of([&] { run(folder, -1); }).first, ExitCode::data);
    expect_undisturbed(folder);
}

TEST_P(FolderTest, RecognisesAFinishedRun) {
    const TemporaryFolder folder;
    run(folder, -1);
    const auto written = std::filesystem::last_write_time(folder / newest);
    const Outcome again = run(folder, -1);
    EXPECT_TRUE(again.complete);
    EXPECT_EQ(again.epochs_done, 3);
    EXPECT_EQ(std::filesystem::last_write_time(folder / newest), written);
    std::filesystem::remove(again.final_weights);
    EXPECT_TRUE(run(folder, -1).complete);
    expect_undisturbed(folder);
}

// A file size limit stands in for the full disk: write() fails in the middle of the file.
TEST_P(FolderTest, KeepsTheLastFileWhenTheDiskIsFull) {
    const TemporaryFolder folder;
    run(folder, 2);
    const std::string before = bytes_of(folder / newest);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    const rlimit small{before.size() / 2, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto [code, message] = error_of([&] { run(folder, 1); });
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_EQ(code, ExitCode::io) << message;
    EXPECT_EQ(bytes_of(folder / newest), before);
    EXPECT_FALSE(std::filesystem::exists(folder / "run/resume.next.safetensors"));
    EXPECT_TRUE(run(folder, -1).complete);
    expect_undisturbed(folder);
}

INSTANTIATE_TEST_SUITE_P(Folder, FolderTest, ::testing::Values("mlp"));
INSTANTIATE_TEST_SUITE_P(Networks, ResumeTest, ::testing::Values("mlp", "dropout", "resnet20"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace orograph::train
