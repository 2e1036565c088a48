#include "orograph/app/config.hpp"

#include "sweep.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace orograph::app {
namespace {

using testing::HasSubstr;

// The error of reading `text`: its code and message.
std::pair<ExitCode, std::string> error_of(Job job, const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
        read_config(job, text, "c.yaml", overrides);
    } catch (const Error& error) {
        return {error.code(), error.what()};
    }
    return {ExitCode::done, ""};
}

const std::string minimal = "model: {weights: w.safetensors}\n";

TEST(Config, DefaultsSurviveWritingAndReading) {
    for (const Job job : {Job::train, Job::sweep, Job::surface, Job::line, Job::curve}) {
        for (const auto comments : {Comments::with, Comments::without}) {
            const auto text = write_config(default_config(job), comments);
            const auto again = write_config(read_config(job, text, "c.yaml", {}), comments);
            EXPECT_EQ(text, again) << to_string(job);
            EXPECT_GT(text.size(), 400u);
        }
    }
}

TEST(Config, WordsOfAnyKindSurviveWritingAndReading) {
    for (const std::string word : {"a\nb", "a\tb", "\v", "a\x01", "~", "~a", "null", "say \"a\\b\"", "ä ö", " ", "-", "1e3", "yes"}) {
        Config config = default_config(Job::surface);
        config.model.weights = word;
        const Config read = read_config(Job::surface, write_config(config, Comments::with), "test", {});
        EXPECT_EQ(read.model.weights, word);
    }
}

TEST(Config, ReadsAndWritesOptionalSections) {
    const std::string data = "data: {set: arrays, files: {train: a.h5, test: b c.h5}, classes: 12, corrupt: {fraction: 0.5, seed: 4}}\n";
    const auto config = read_config(Job::line, minimal + data, "c.yaml", {});
    const auto again = read_config(Job::line, write_config(config, Comments::without), "c.yaml", {});
    for (const auto& read : {config, again}) {
        EXPECT_EQ(read.data.set, "arrays");
        EXPECT_EQ(read.data.files->train, "a.h5");
        EXPECT_EQ(read.data.files->test, "b c.h5");
        EXPECT_EQ(read.data.classes, 12);
        EXPECT_EQ(read.data.corrupt->fraction, 0.5);
        EXPECT_EQ(read.data.corrupt->seed, 4U);
    }
    EXPECT_FALSE(read_config(Job::line, minimal, "c.yaml", {}).data.files.has_value());
}

TEST(Config, ReadsEveryKindOfValue) {
    const auto config = read_config(Job::surface, R"(
job: surface
model: {architecture: vgg9, weights: a b.safetensors}
data: {set: cifar10, folder: /data, splits: [test], sample: {count: 7, seed: 3}, normalize: {mean: [0.1, 0.2, 0.3], std: [1, 2, 3e-1]}}
directions: {y: {seed: 9, normalize: layer, ignore: li-compat}}
grid: {x: [-1.5, 2, 5], y: [0, 1, 3]}
output: {file: a.h5, overwrite: true}
evaluate: {precision: bf16, evaluator: reference, instruction_set: avx2, convolution: direct}
run: {shards: 2, progress_s: 0.5}
)",
                                    "c.yaml", {"grid.x=[0, 1, 2]", "run.log=warn"});
    EXPECT_EQ(config.model.architecture, "vgg9");
    EXPECT_EQ(config.model.weights, "a b.safetensors");
    EXPECT_EQ(config.data.sample->count, 7);
    EXPECT_EQ(config.data.normalize->std, (std::vector<double>{1, 2, 0.3}));
    EXPECT_EQ(config.directions.x.seed, 1u);
    EXPECT_EQ(config.directions.y.seed, 9u);
    EXPECT_EQ(config.directions.y.ignore, "li-compat");
    EXPECT_EQ(config.grid.x, (std::vector<double>{0, 1, 2}));
    EXPECT_EQ(config.evaluate.precision, "bf16");
    EXPECT_EQ(config.evaluate.instruction_set, "avx2");
    EXPECT_EQ(config.evaluate.convolution, "direct");
    EXPECT_EQ(config.run.log, "warn");
    EXPECT_TRUE(config.output.overwrite);
    EXPECT_FALSE(config.data.limit.has_value());
}

TEST(Config, FaultsNameFileLineKeyAndTheNearestWord) {
    const struct {
        std::string text;
        std::vector<std::string> says;
    } faults[] = {
        {"modle: {}\n", {"c.yaml:1", "modle", "'model'"}},
        {minimal + "grid: {x: [-1, 1, 5], y: [-1, 1, 5], z: 1}\n", {"c.yaml:2", "grid.z"}},
        {"model: {architecture: resnet2O}\n", {"resnet2O", "resnet20"}},
        {minimal + "grid: {y: [-1, 1, 5]}\n", {"grid", "without x"}},
        {minimal + "grid: {x: [-1, 1, 5]}\n", {"without y", "orograph line"}},
        {minimal + "grid: {x: [-1, 1, 0], y: [-1, 1, 5]}\n", {"grid.x", "0 points"}},
        {minimal + "grid: {x: [-1, 1], y: [-1, 1, 5]}\n", {"grid.x", "three numbers"}},
        {minimal + "grid: {x: [.nan, 1, 5], y: [-1, 1, 5]}\n", {"grid.x", ".nan"}},
        {minimal + "grid: {x: [nan, 1, 5], y: [-1, 1, 5]}\n", {"grid.x", "finite"}},
        {minimal + "grid: {x: [1, 1, 5], y: [-1, 1, 5]}\n", {"grid.x", "same value"}},
        {minimal + "run: {threads: 010}\n", {"run.threads", "010"}},
        {minimal + "run: {threads: -1}\n", {"run.threads", "at least 0"}},
        {minimal + "run: {threads: 1.5}\n", {"run.threads", "whole"}},
        {minimal + "run: {threads: [1]}\n", {"run.threads", "one value"}},
        {minimal + "run: fast\n", {"run", "section"}},
        {minimal + "data: {limit: 0}\n", {"data.limit", "at least 1"}},
        {minimal + "output: {overwrite: yes}\n", {"output.overwrite", "true or false"}},
        {minimal + "evaluate: {precision: fp16}\n", {"evaluate.precision", "fp16", "fp32, tf32, bf16"}},
        {minimal + "evaluate: {precision: 32}\n", {"evaluate.precision", "32"}},
        {minimal + "evaluate: {precision: [fp32, bf16]}\n", {"evaluate.precision", "one value"}},
        {minimal + "evaluate: {instruction_set: avx512_bf16}\n", {"evaluate.instruction_set", "avx512_bf16", "auto, avx2, avx512"}},
        {minimal + "evaluate: {instruction_set: ''}\n", {"evaluate.instruction_set"}},
        {minimal + "evaluate: {convolution: winograd}\n", {"evaluate.convolution", "winograd", "auto, direct"}},
        {minimal + "evaluate: {convolution: true}\n", {"evaluate.convolution", "true"}},
        {minimal + "evaluate: {instruction_sets: avx2}\n", {"evaluate.instruction_sets", "'instruction_set'"}},
        {minimal + "evaluate: {batch_norm: states}\n", {"batch_norm", "space: states"}},
        {minimal + "directions: {x: {kind: towards}}\n", {"directions.x", "weights"}},
        {minimal + "run: {log: info}\nrun: {log: warn}\n", {"c.yaml:3", "run", "twice"}},
        {minimal + "grid: {x: [1, 2\n", {"YAML"}},
        {"job: line\n" + minimal, {"job 'line'", "orograph line"}},
        {"model: {}\n", {"model.weights"}},
        {"- 1\n", {"keys and values"}},
    };
    for (const auto& fault : faults) {
        const auto [code, message] = error_of(Job::surface, fault.text);
        EXPECT_EQ(code, ExitCode::config) << fault.text;
        for (const auto& word : fault.says) EXPECT_THAT(message, HasSubstr(word)) << fault.text;
        EXPECT_EQ(message.find('\n'), std::string::npos);
    }
}

TEST(Config, ReadsCurves) {
    const auto given = read_config(Job::curve, "curve: {ends: [a, b], bends: [c, d], weight_decay: 5.0e-4}", "c.yaml", {});
    const auto again = read_config(Job::curve, write_config(given, Comments::without), "c.yaml", {});
    for (const auto& config : {given, again}) {
        EXPECT_EQ(config.curve.ends, (std::vector<std::string>{"a", "b"}));
        EXPECT_EQ(config.curve.bends, (std::vector<std::string>{"c", "d"}));
        EXPECT_EQ(config.curve.weight_decay, 5e-4);
        EXPECT_FALSE(config.curve.kind.has_value());
        EXPECT_EQ(config.evaluate.batch_norm, "recalibrate");
        EXPECT_EQ(config.grid.t, (std::vector<double>{0, 1, 61}));
    }
    EXPECT_EQ(read_config(Job::curve, "curve: {file: curve.yaml, kind: segment}", "c.yaml", {}).curve.kind, "segment");
    const auto files = read_config(Job::curve, "curve: {kind: checkpoints, files: [a, b, c, d]}", "c.yaml", {});
    EXPECT_EQ(files.grid.t, (std::vector<double>{0, 3, 4}));
}

TEST(Config, ReadsPlanesAndTheirCurves) {
    const std::string plane = "directions: {x: {kind: plane}, y: {kind: plane}}\n";
    const auto config = read_config(Job::surface, plane + "curve: {file: curve.yaml, samples: 31}", "c.yaml", {});
    EXPECT_EQ(config.grid.x, (std::vector<double>{-0.2, 1.2, 21}));
    EXPECT_EQ(config.grid.y, config.grid.x);
    EXPECT_EQ(config.shown_curve->samples, 31);
    EXPECT_EQ(read_config(Job::surface, write_config(config, Comments::without), "c.yaml", {}).shown_curve->file, "curve.yaml");
    EXPECT_FALSE(read_config(Job::surface, minimal, "c.yaml", {}).shown_curve.has_value());
}

TEST(Config, FaultsOfCurvesAndPlanesAreClear) {
    const std::string ends = "curve: {ends: [a, b], bends: [c]",
                      plane = "directions: {x: {kind: plane, weights: a}, y: {kind: plane, weights: b}}\n";
    const std::string half = "directions: {x: {kind: plane, weights: a}}\n";
    const struct {
        Job job;
        std::string text;
        std::vector<std::string> says;
    } faults[] = {
        {Job::curve, "", {"curve.ends names 0", "curve.file"}},
        {Job::curve, "curve: {kind: spline}", {"curve.kind", "spline", "polychain"}},
        {Job::curve, "curve: {ends: [a]}", {"curve.ends names 1 checkpoint;"}},
        {Job::curve, "curve: {ends: [a, b]}", {"curve.bends is empty", "segment"}},
        {Job::curve, "curve: {kind: segment, ends: [a, b], bends: [c]}", {"segment has no curve.bends"}},
        {Job::curve, "curve: {kind: segment, files: [a, b]}", {"curve.files", "checkpoints", "curve.ends"}},
        {Job::curve, "curve: {kind: checkpoints, ends: [a, b]}", {"curve.files, not ends"}},
        {Job::curve, "curve: {kind: checkpoints, files: [a]}", {"curve.files names 1 checkpoint;"}},
        {Job::curve, "curve: {file: f, kind: bezier}", {"curve.file", "remove curve.kind"}},
        {Job::curve, "curve: {file: f, ends: [a, b]}", {"curve.file", "remove curve.ends"}},
        {Job::curve, ends + ", samples: 5}", {"curve.samples", "not a known key"}},
        {Job::curve, ends + ", weight_decay: -1}", {"curve.weight_decay", "at least 0"}},
        {Job::curve, ends + "}\ngrid: {t: [-0.1, 1, 5]}", {"grid.t", "-0.1", "between 0 and 1"}},
        {Job::curve, ends + "}\ngrid: {t: [1, 1.01, 5]}", {"grid.t", "1.01", "between 0 and 1"}},
        {Job::curve, ends + "}\ngrid: {t: [0, 1]}", {"grid.t", "three numbers"}},
        {Job::curve, ends + "}\ngrid: {x: [0, 1, 5]}", {"grid.x", "not a known key"}},
        {Job::curve, "curve: {kind: checkpoints, files: [a, b, c]}\ngrid: {t: [0, 3, 4]}", {"grid.t", "numbers 0 to 2"}},
        {Job::curve, "curve: {kind: checkpoints, files: [a, b, c]}\ngrid: {t: [0, 1, 3]}", {"grid.t", "numbers 0 to 2"}},
        {Job::curve, ends + "}\nevaluate: {batch_norm: states}", {"batch_norm", "recalibrate"}},
        {Job::curve, ends + "}\nevaluate: {loss: mse}", {"evaluate.loss", "cross-entropy"}},
        {Job::curve, ends + "}\nmodel: {weights: w}", {"model.weights has no use"}},
        {Job::surface, minimal + half, {"directions.x.kind is plane", "directions.y.kind plane"}},
        {Job::surface, minimal + "directions: {y: {kind: plane, weights: a}}", {"directions.y.kind is plane", "directions.x.kind plane"}},
        {Job::line, minimal + half, {"directions.x.kind is plane", "orograph surface"}},
        {Job::surface, minimal + "directions: {x: {kind: plane, weights: a}, y: {kind: plane}}", {"directions.y.weights"}},
        {Job::surface, plane, {"model.weights"}},
        {Job::surface, minimal + ends + "}", {"a curve is shown in a plane"}},
        {Job::surface, minimal + plane + "curve: {kind: checkpoints, files: [a, b]}", {"checkpoints is for job curve"}},
        {Job::surface,
         minimal + "directions: {x: {kind: plane, weights: a, space: states}, y: {kind: plane, weights: b}}",
         {"directions.x.space is states", "set directions.x.space: parameters"}},
        {Job::surface,
         minimal + "directions: {x: {kind: towards, weights: a, space: states}}\nevaluate: {batch_norm: recalibrate}",
         {"batch_norm", "space: states"}},
        {Job::surface, minimal + "evaluate: {recalibrate: {batch: 1}}", {"evaluate.recalibrate.batch", "at least 2"}},
        {Job::surface, minimal + "evaluate: {recalibrate: {limit: 0}}", {"evaluate.recalibrate.limit", "at least 1"}},
    };
    for (const auto& fault : faults) {
        const auto [code, message] = error_of(fault.job, fault.text);
        EXPECT_EQ(code, ExitCode::config) << fault.text;
        for (const auto& word : fault.says) EXPECT_THAT(message, HasSubstr(word)) << fault.text;
    }
}

TEST(Config, FaultsStayOnOneLine) {
    const auto [code, message] = error_of(Job::surface, "model: {\"archi\\ntecture\\e[31m\": mlp}");
    EXPECT_EQ(code, ExitCode::config);
    EXPECT_THAT(message, HasSubstr("archi tecture?[31m"));
}

TEST(Config, FaultsOfSetAreUsageErrors) {
    for (const std::string assignment : {"nonsense", "=1", "a..b=1", "grid.z=1", "run.threads=many", "nowhere.key=1", "grid.x=[1,",
                                         "model.weights.deep=1", "evaluate.loss=hinge"}) {
        const auto [code, message] = error_of(Job::surface, minimal, {assignment});
        EXPECT_EQ(code, ExitCode::usage) << assignment << ": " << message;
        EXPECT_THAT(message, HasSubstr("--set")) << assignment;
    }
}

TEST(Config, AliasBombIsRefusedQuickly) {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int k = 0; k < 10; ++k) bomb += (k ? ", *a" : "*a") + std::to_string(i - 1);
        bomb += "]\n";
    }
    EXPECT_THAT(error_of(Job::surface, bomb).second, HasSubstr("too large"));
    std::string long_words = "a: &a " + std::string(100'000, 'x') + "\nb: [";
    for (int k = 0; k < 50'000; ++k) long_words += "*a,";
    EXPECT_THAT(error_of(Job::surface, long_words + "]\n").second, HasSubstr("too large"));
    EXPECT_THAT(error_of(Job::surface, std::string((1 << 20) + 1, ' ')).second, HasSubstr("1 MiB"));
}

TEST(Config, TrainsCurves) {
    const std::string ends = "curve: {ends: [a, 'b c'], bends: 3, fix_ends: [true, false]}\n";
    const auto given = read_config(Job::train, ends, "c.yaml", {});
    for (const auto& config : {given, read_config(Job::train, write_config(given, Comments::without), "c.yaml", {})}) {
        ASSERT_TRUE(config.curve_training.has_value());
        EXPECT_EQ(config.curve_training->kind, "bezier");
        EXPECT_EQ(config.curve_training->ends, (std::vector<std::string>{"a", "b c"}));
        EXPECT_EQ(config.curve_training->bends, 3);
        EXPECT_EQ(config.curve_training->fix_ends, (std::array<bool, 2>{true, false}));
        EXPECT_EQ(config.train.schedule, "garipov");
        EXPECT_FALSE(config.train.nesterov);
    }
    const auto chosen = read_config(Job::train, ends + "train: {nesterov: true, schedule: steps}", "c.yaml", {});
    EXPECT_TRUE(chosen.train.nesterov);
    EXPECT_EQ(chosen.train.schedule, "steps");
    EXPECT_TRUE(read_config(Job::train, "", "c.yaml", {}).train.nesterov);
    EXPECT_EQ(error_of(Job::train, ends, {"curve.kind=segment"}).first, ExitCode::usage);
}

// Every configuration under configs/, and every run of a sweep.
TEST(Config, WhatIsShippedIsValid) {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(OROGRAPH_SOURCE_DIR "/configs")) {
        if (entry.path().extension() != ".yaml") continue;
        std::ifstream file(entry.path());
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const Value whole = parse_yaml(text, "");
        const Value* const job = whole.find("job");
        ASSERT_NE(job, nullptr) << entry.path();
        const auto has_name = [name = job->scalar](Job candidate) { return to_string(candidate) == name; };
        const std::vector<Job> jobs{Job::train, Job::sweep, Job::surface, Job::line, Job::curve};
        const auto found = std::ranges::find_if(jobs, has_name);
        ASSERT_NE(found, jobs.end()) << entry.path();
        const Config config = read_config(*found, text, entry.path(), {});
        if (*found == Job::sweep) EXPECT_EQ(static_cast<std::int64_t>(sweep_runs(config).size()), sweep_grid(config).size());
        ++count;
    }
    EXPECT_GE(count, 15);
}

TEST(Sweep, MakesEveryCombinationTheLastKeyFastest) {
    const Config sweep = read_config(
        Job::sweep, "over: {'model.seed, train.seed': [7, 8], model.architecture: [mlp, vgg9]}\noutput: {folder: o}", "c.yaml", {});
    const auto grid = sweep_grid(sweep);
    EXPECT_EQ(grid.axes()[0].name, "seed");
    EXPECT_EQ(grid.axes()[0].coordinates, (std::vector<double>{7, 8}));
    EXPECT_EQ(grid.axes()[1].name, "architecture");
    EXPECT_EQ(grid.axes()[1].coordinates, (std::vector<double>{0, 1}));
    const auto runs = sweep_runs(sweep);
    ASSERT_EQ(runs.size(), 4u);
    EXPECT_EQ(runs[1].model.architecture, "vgg9");
    EXPECT_EQ(runs[1].train.seed, 7u);
    EXPECT_EQ(runs[2].model.seed, 8u);
    EXPECT_EQ(runs[2].model.architecture, "mlp");
    EXPECT_EQ(runs[2].output.folder, "o/seed=8,architecture=mlp");
    EXPECT_EQ(runs[2].job, Job::train);
}

TEST(Sweep, TakesListsAsValues) {
    const std::string text = "over: {curve.ends: [[a, b], [a, 'c, d']], 'model.seed,train.seed': [1, 2]}\noutput: {folder: o}";
    const Config given = read_config(Job::sweep, text, "c.yaml", {});
    for (const Config& sweep : {given, read_config(Job::sweep, write_config(given, Comments::without), "c.yaml", {})}) {
        EXPECT_EQ(sweep_grid(sweep).axes()[0].coordinates, (std::vector<double>{0, 1}));
        const auto runs = sweep_runs(sweep);
        ASSERT_EQ(runs.size(), 4U);
        EXPECT_EQ(runs[1].curve_training->ends, (std::vector<std::string>{"a", "b"}));
        EXPECT_EQ(runs[2].curve_training->ends, (std::vector<std::string>{"a", "c, d"}));
        EXPECT_EQ(runs[2].output.folder, "o/ends=1,seed=1");
        EXPECT_EQ(runs[3].train.seed, 2U);
        EXPECT_EQ(runs[3].train.schedule, "garipov");
    }
}

TEST(Sweep, AWrongValueIsNamedByItsKey) {
    const Config sweep = read_config(Job::sweep, "over: {train.lr: [0.1, fast]}", "c.yaml", {});
    try {
        sweep_runs(sweep);
        ADD_FAILURE() << "it was read";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::config);
        EXPECT_TRUE(std::string(error.what()).starts_with("over: train.lr: ")) << error.what();
    }
}

TEST(Sweep, NumbersThatAreEqualCountByTheirPositions) {
    const Config sweep = read_config(Job::sweep, "over: {train.lr: [0.1, 1e-1, 0.2]}", "c.yaml", {});
    EXPECT_EQ(sweep_grid(sweep).axes()[0].coordinates, (std::vector<double>{0, 1, 2}));
}

TEST(Sweep, TellsEqualNamesApart) {
    const Config sweep = read_config(Job::sweep, "over: {model.seed: [1], train.seed: [1, 2]}", "c.yaml", {});
    EXPECT_EQ(sweep_grid(sweep).axes()[0].name, "model.seed");
    EXPECT_EQ(sweep_grid(sweep).axes()[1].name, "train.seed");
}

}  // namespace
}  // namespace orograph::app
