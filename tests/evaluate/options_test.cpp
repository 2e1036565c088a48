#include "fixtures.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

const model::Network network = model::build_network("mlp", 1, 10);

void expect_refused(const Options& options, ExitCode code, const std::string& message) {
    try {
        make_evaluator(network, options);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), code);
        EXPECT_THAT(error.what(), HasSubstr(message));
        EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
    }
}

TEST(Options, ImpossibleOnesAreRefused) {
    expect_refused({.batch = 1}, ExitCode::config, "batch of 1");
    expect_refused({.batch = -3}, ExitCode::config, "batch of -3");
    expect_refused({.threads = 0}, ExitCode::config, "at least 1 thread");
}

TEST(Options, ADeviceThatIsNotThereIsRefused) {
    const at::Device missing(at::kCUDA, static_cast<at::DeviceIndex>(gpu::device_count()));
    expect_refused({.kind = Kind::compiled, .device = missing}, ExitCode::unavailable, "run.device=cpu");
    expect_refused({.kind = Kind::reference, .device = missing}, ExitCode::unavailable, "run.device=cpu");
}

TEST(Options, TheBatchIsTheEvaluatorsChoiceOrTheUsers) {
    EXPECT_EQ(make_evaluator(network, {.kind = Kind::compiled})->batch(), 64);
    EXPECT_EQ(make_evaluator(network, {.kind = Kind::reference})->batch(), 128);
    EXPECT_EQ(make_evaluator(network, {.kind = Kind::compiled, .batch = 16})->batch(), 16);
    EXPECT_EQ(make_evaluator(network, {.kind = Kind::reference, .batch = 64})->batch(), 64);
}

TEST(Identity, NamesWhatTheDigitsDependOn) {
    const std::string isa = instruction_set();
    EXPECT_THAT(make_evaluator(network, {.kind = Kind::compiled})->identity(),
                MatchesRegex("compiled onednn-2\\.[0-9]+\\.[0-9]+ " + isa + " fp32, 0 winograd \\+ 0 direct convolutions \\([0-9a-f]{8}\\), batch 64"));
    EXPECT_THAT(make_evaluator(network, {.kind = Kind::reference, .batch = 64})->identity(),
                MatchesRegex("reference libtorch-2\\.[0-9.]+ " + isa + " fp32 batch 64"));
    EXPECT_EQ(make_evaluator(network, {.threads = 1})->identity(), make_evaluator(network, {.threads = 3})->identity());
}

}  // namespace

}  // namespace orograph::evaluate
