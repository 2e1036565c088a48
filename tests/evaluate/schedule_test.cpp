#include "schedule.hpp"

#include "buffer_plan.hpp"
#include "sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace orograph::evaluate {

namespace {

struct Scheduled {
    Plan plan;
    std::vector<Algorithm> algorithms;
    std::vector<Segment> segments;
};

Scheduled schedule(const model::Network& network, std::int64_t batch, int lanes = 8, Convolution convolution = Convolution::automatic,
                   Statistics statistics = Statistics::given) {
    Scheduled result{make_plan(network, statistics), {}, {}};
    result.algorithms = choose_algorithms(result.plan, lanes, convolution);
    result.segments = make_segments(result.plan, result.algorithms, batch);
    return result;
}

Scheduled schedule(const char* architecture, std::int64_t batch, int lanes = 8, Convolution convolution = Convolution::automatic) {
    return schedule(model::build_network(architecture, 1, 10), batch, lanes, convolution);
}

Scheduled schedule(const char* architecture, std::int64_t batch, Statistics statistics) {
    return schedule(model::build_network(architecture, 1, 10), batch, 8, Convolution::automatic, statistics);
}

TEST(Schedule, WinogradForWindowsOf3x3AndStride1) {
    const Scheduled resnet = schedule("resnet20", 64);
    EXPECT_EQ(std::ranges::count(resnet.algorithms, Algorithm::winograd), 16);  // not the stem, the two of stride 2, the projections
    EXPECT_TRUE(describe(resnet.plan, resnet.algorithms).starts_with("16 winograd + 5 direct convolutions ("));
    EXPECT_EQ(resnet.algorithms[0], Algorithm::direct);
    EXPECT_EQ(resnet.algorithms[1], Algorithm::winograd);
}

TEST(Schedule, TheDescriptionTellsChoicesApart) {
    const Scheduled automatic = schedule("resnet20", 64), direct = schedule("resnet20", 64, 8, Convolution::direct);
    EXPECT_EQ(std::ranges::count(direct.algorithms, Algorithm::winograd), 0);
    EXPECT_NE(describe(automatic.plan, automatic.algorithms), describe(direct.plan, direct.algorithms));
    auto other = automatic;  // as many, elsewhere
    std::swap(other.algorithms[0], other.algorithms[1]);
    EXPECT_NE(describe(automatic.plan, automatic.algorithms), describe(other.plan, other.algorithms));
    auto adapted = direct;  // as many of each, one of them from a copy
    adapted.algorithms[2] = Algorithm::adapted;
    EXPECT_TRUE(describe(adapted.plan, adapted.algorithms).starts_with("0 winograd + 21 direct convolutions ("));
    EXPECT_NE(describe(direct.plan, direct.algorithms), describe(adapted.plan, adapted.algorithms));
}

TEST(Schedule, NoVectorsNoWinograd) {
    const Scheduled scalar = schedule("vgg9", 64, 0);
    EXPECT_EQ(std::ranges::count(scalar.algorithms, Algorithm::winograd), 0);
}

TEST(Schedule, SegmentsCoverTheStepsAndDivideTheBatch) {
    int checked = 0;
    for (const char* architecture : {"resnet20", "resnet110_noshort", "vgg9", "mlp"})
        for (const std::int64_t batch : {2, 3, 7, 20, 64, 100, 128}) {
            const Scheduled scheduled = schedule(architecture, batch);
            int next = 0;
            std::int64_t images = 2;
            for (const Segment& segment : scheduled.segments) {
                EXPECT_EQ(segment.first, next);
                EXPECT_GT(segment.last, segment.first);
                EXPECT_EQ(batch % segment.images, 0);
                EXPECT_GE(segment.images, images);  // later ones take no fewer
                next = segment.last;
                images = segment.images;
                ++checked;
            }
            EXPECT_EQ(next, std::ssize(scheduled.plan.steps));
        }
    EXPECT_GE(checked, 28);
}

TEST(Schedule, ABatchNormWaitsForTheWholeBatch) {
    std::int64_t checked = 0, expected = 0;
    for (const char* architecture : {"resnet20", "preresnet110", "densenet121", "vgg16bn"}) {
        expected += std::ranges::count(model::build_network(architecture, 1, 10).ops, model::OpKind::batch_norm, &model::Op::kind);
        const Scheduled scheduled = schedule(architecture, 64, Statistics::of_batch);
        for (const Segment& segment : scheduled.segments)
            for (int i = segment.first; i < segment.last; ++i) {
                const Step& step = scheduled.plan.steps[i];
                if (!is_batch_norm(step)) continue;
                EXPECT_LT(step.source, segment.first);
                for (const int value : step.others) EXPECT_LT(value, segment.first);
                ++checked;
            }
    }
    EXPECT_EQ(checked, expected);
    EXPECT_GT(expected, 200);
}

// What lives at once, not the number of layers, decides how much memory a whole batch takes.
TEST(Schedule, BuffersOfTheWholeBatchAreUsedAgain) {
    int wholes[2] = {};
    for (const int deep : {0, 1}) {
        const Scheduled scheduled = schedule(deep == 1 ? "resnet110" : "resnet20", 64, Statistics::of_batch);
        const BufferPlan buffers(scheduled.plan, scheduled.segments, std::vector<StepMemory>(scheduled.plan.steps.size(), {.value = 4}),
                                 64);
        wholes[deep] = static_cast<int>(std::ranges::count(buffers.whole, true));
    }
    EXPECT_GE(wholes[0], 3);
    EXPECT_EQ(wholes[0], wholes[1]);
}

// Walks the steps as a stream does and checks that every value read is still the one that was written.
void expect_values_survive(const Scheduled& scheduled, std::int64_t batch) {
    std::vector<StepMemory> memory(scheduled.plan.steps.size(), {.value = 4, .reordered = {4}});
    const std::vector<bool> replaceable = replaceable_residuals(scheduled.plan);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i].replaces_residual = replaceable[i];
    const BufferPlan buffers(scheduled.plan, scheduled.segments, memory, batch);
    struct Written {
        int step = -1;
        std::int64_t image = -1;
    };
    std::vector<std::vector<Written>> content(buffers.size_bytes.size(), std::vector<Written>(static_cast<std::size_t>(batch)));
    const auto slot = [&](int step, std::int64_t image) -> Written& {
        const int buffer = buffers.values[step];
        return content[buffer][buffers.whole[buffer] ? static_cast<std::size_t>(image) : 0];
    };
    const auto expect_there = [&](int step, std::int64_t image) {
        EXPECT_EQ(slot(step, image).step, step);
        EXPECT_EQ(slot(step, image).image, image);
    };
    for (const Segment& segment : scheduled.segments)
        for (std::int64_t image = 0; image < batch; image += segment.images)
            for (int i = segment.first; i < segment.last; ++i) {
                const Step& step = scheduled.plan.steps[i];
                content[buffers.reordered[i][0]].assign(static_cast<std::size_t>(batch), Written{});
                for (const int value : values_read(step)) {
                    if (value != plan_input) expect_there(value, image);
                    if (value != plan_input && !memory[i].replaces_residual) {
                        EXPECT_NE(buffers.values[value], buffers.values[i]) << "a step writes over what it reads";
                    }
                }
                const std::int64_t kept = buffers.whole[buffers.values[i]] ? segment.images : 1;
                for (std::int64_t n = image; n < image + kept; ++n) slot(i, n) = {i, n};
            }
    for (std::int64_t image = 0; image < batch; ++image) expect_there(static_cast<int>(scheduled.plan.steps.size()) - 1, image);
}

TEST(Schedule, BuffersKeepValuesUntilTheirLastReader) {
    for (const char* architecture : {"resnet20", "resnet56", "resnet20_noshort", "vgg9", "mlp", "preresnet110", "densenet121", "resnet50"})
        for (const std::int64_t batch : {6, 64})
            for (const Statistics statistics : {Statistics::given, Statistics::of_batch})
                expect_values_survive(schedule(architecture, batch, statistics), batch);
    int drawn = 0;
    for (const auto& draw : {sketches::preactivated, sketches::inception, sketches::grouped, sketches::shared_terms, sketches::rows}) {
        expect_values_survive(schedule(draw(), 6), 6);
        ++drawn;
    }
    EXPECT_EQ(drawn, 5);
}

}  // namespace

}  // namespace orograph::evaluate
