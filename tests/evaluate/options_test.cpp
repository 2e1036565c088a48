#include "fixtures.hpp"
#include "precision.hpp"

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

// As expect_refused(), on a machine whose CPU has `cpu`.
void expect_refused_on(const char* cpu, const Options& options, ExitCode code, const std::vector<std::string>& words) {
    try {
        check_arithmetic(options, cpu);
        FAIL() << "no error on " << cpu;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), code) << error.what();
        for (const auto& word : words) EXPECT_THAT(error.what(), HasSubstr(word));
        EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
    }
}

TEST(Precision, Tf32NeedsAGpu) {
    for (const Kind kind : {Kind::compiled, Kind::reference})
        expect_refused({.kind = kind, .precision = Precision::tf32}, ExitCode::unavailable,
                       gpu::device_count() > 0 ? "use evaluate.precision: fp32, or run.device: cuda" : "use evaluate.precision: fp32");
    EXPECT_NO_THROW(check_arithmetic({.precision = Precision::tf32, .device = at::kCUDA}, "avx2"));
}

TEST(Precision, CompiledBf16NeedsACpuThatHasIt) {
    const Options compiled{.kind = Kind::compiled, .precision = Precision::bf16};
    for (const char* cpu : {"sse41", "avx2", "avx512", "aarch64"})
        expect_refused_on(cpu, compiled, ExitCode::unavailable, {"bf16", "avx512_bf16", cpu, "precision: fp32", "evaluator: reference"});
    EXPECT_NO_THROW(check_arithmetic(compiled, "avx512_bf16"));
    for (const char* cpu : {"avx2", "aarch64"})
        EXPECT_NO_THROW(check_arithmetic({.kind = Kind::reference, .precision = Precision::bf16}, cpu));
    expect_refused_on("avx512_bf16", {.precision = Precision::bf16, .instruction_set = "avx512"}, ExitCode::config,
                      {"avx512 leaves out", "precision: fp32", "instruction_set: auto"});
}

TEST(Precision, MakeEvaluatorAsksThisCpu) {
    const Options bf16{.kind = Kind::compiled, .precision = Precision::bf16};
    if (instruction_set() == std::string("avx512_bf16"))
        EXPECT_THAT(make_evaluator(network, bf16)->identity(), HasSubstr("bf16"));
    else
        expect_refused(bf16, ExitCode::unavailable, "avx512_bf16");
}

TEST(InstructionSet, IsRefusedWhereTheCpuLacksIt) {
    expect_refused_on("avx2", {.instruction_set = "avx512"}, ExitCode::unavailable, {"instruction_set is avx512", "has avx2", "auto"});
    expect_refused_on("sse41", {.instruction_set = "avx2"}, ExitCode::unavailable, {"instruction_set is avx2", "has sse41"});
    expect_refused_on("aarch64", {.instruction_set = "avx2"}, ExitCode::unavailable, {"has aarch64"});
    for (const char* cpu : {"avx2", "avx512", "avx512_bf16"}) EXPECT_NO_THROW(check_arithmetic({.instruction_set = "avx2"}, cpu));
    for (const char* cpu : {"avx512", "avx512_bf16"}) EXPECT_NO_THROW(check_arithmetic({.instruction_set = "avx512"}, cpu));
}

TEST(InstructionSet, UnknownOnesAreRefused) {
    for (const char* word : {"avx", "AVX2", "avx512_bf16", "sse41"})
        expect_refused_on("avx512_bf16", {.instruction_set = word}, ExitCode::config, {word, "auto, avx2, avx512"});
}

TEST(InstructionSet, AndConvolutionAreOfTheCompiledCpuEvaluator) {
    const Options idle[] = {{.kind = Kind::reference, .instruction_set = "avx2"},
                            {.kind = Kind::compiled, .instruction_set = "avx2", .device = at::kCUDA}};
    for (const Options& options : idle) expect_refused_on("avx2", options, ExitCode::config, {"set evaluate.instruction_set: auto"});
    expect_refused_on("avx2", {.kind = Kind::reference, .convolution = Convolution::direct}, ExitCode::config,
                      {"reference", "set evaluate.convolution: auto"});
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
                MatchesRegex("compiled onednn-2\\.[0-9]+\\.[0-9]+ " + isa +
                             " fp32, 0 winograd \\+ 0 direct convolutions \\([0-9a-f]{8}\\), batch 64"));
    EXPECT_THAT(make_evaluator(network, {.kind = Kind::reference, .batch = 64})->identity(),
                MatchesRegex("reference libtorch-2\\.[0-9.]+ " + isa + " fp32 batch 64"));
    EXPECT_THAT(make_evaluator(network, {.kind = Kind::reference, .precision = Precision::bf16})->identity(),
                HasSubstr(isa + " bf16 batch"));
    EXPECT_EQ(make_evaluator(network, {.threads = 1})->identity(), make_evaluator(network, {.threads = 3})->identity());
}

// In whichever way: the last of resnet20's batch norms has the first one's statistics, or only one of them.
TEST(EvaluatorOptions, RecalibrationNeedsABatchNormInOnePlace) {
    const model::Network twenty = model::build_network("resnet20", 1, 10);
    EXPECT_EQ(why_not_recalibrated(twenty), "");
    for (const bool both : {true, false})
        for (const Kind kind : {Kind::compiled, Kind::reference}) {
            model::Network shared = twenty;
            const auto is_batch_norm = [](const model::Op& op) { return op.kind == model::OpKind::batch_norm; };
            const auto first = std::ranges::find_if(shared.ops, is_batch_norm);
            const auto last = std::ranges::find_if(shared.ops.rbegin(), shared.ops.rend(), is_batch_norm);
            last->running_var = first->running_var;
            if (both) last->running_mean = first->running_mean;
            try {
                make_evaluator(shared, {.kind = kind})->set_recalibration(random_split(shared, 4, 1), 2);
                FAIL() << "no error";
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), ExitCode::unavailable);
                EXPECT_THAT(error.what(), HasSubstr("'" + last->name + "' is used in several places"));
                EXPECT_THAT(error.what(), testing::Not(HasSubstr("evaluate.batch_norm"))) << "what to do depends on the job";
            }
        }
}

}  // namespace

}  // namespace orograph::evaluate
