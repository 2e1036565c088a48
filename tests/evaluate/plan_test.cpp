#include "plan.hpp"

#include "sketch.hpp"

#include "orograph/core/error.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace orograph::evaluate {

namespace {

using model::Network;
using model::Op;
using model::OpKind;
using testing::ElementsAre;
using testing::HasSubstr;

std::int64_t count_of(const std::vector<std::string>& lines, const std::string& beginning) {
    return std::ranges::count_if(lines, [&](const std::string& line) { return line.starts_with(beginning + " "); });
}

TEST(Plan, FusesEveryOperationOfResNet20) {
    const auto lines = describe(make_plan(model::build_network("resnet20", 1, 10)));
    EXPECT_EQ(lines.size(), 23U);
    EXPECT_EQ(count_of(lines, "conv+bias+relu"), 1 + 9);       // the stem and the first of each block
    EXPECT_EQ(count_of(lines, "conv+bias+residual+relu"), 9);  // the second of each block
    EXPECT_EQ(count_of(lines, "conv+bias"), 2);                // projections
    EXPECT_EQ(count_of(lines, "avg_pool"), 1);
    EXPECT_EQ(count_of(lines, "linear+bias"), 1);
    EXPECT_EQ(lines[2], "conv+bias+residual+relu layer1.0.conv2 16x32x32");
}

TEST(Plan, FusesEveryOperationOfResNet20WithoutShortcuts) {
    const auto lines = describe(make_plan(model::build_network("resnet20_noshort", 3, 10)));
    EXPECT_EQ(lines.size(), 21U);
    EXPECT_EQ(count_of(lines, "conv+bias+relu"), 19);
}

TEST(Plan, FusesEveryOperationOfResNet20WithShortcutsOfZeros) {
    const auto lines = describe(make_plan(model::build_network("resnet20_a", 3, 10)));
    EXPECT_EQ(lines.size(), 21U + 4);
    EXPECT_EQ(count_of(lines, "conv+bias+relu"), 1 + 9);
    EXPECT_EQ(count_of(lines, "conv+bias+residual+relu"), 9);
    EXPECT_EQ(count_of(lines, "max_pool"), 2);
    EXPECT_EQ(count_of(lines, "pad"), 2);
    EXPECT_EQ(count_of(lines, "linear+bias"), 1);
}

TEST(Plan, ChannelsOfZerosAreTheBeginningOfAStep) {
    Sketch net(1, 8, 8);
    const int conv = net.conv(0, 4), other = net.relu(net.conv(0, 7));
    net.linear(net.flatten(net.relu(net.add(net.pad_channels(conv, 1, 2), other))), 10);
    const Plan plan = make_plan(net.finish());
    EXPECT_THAT(describe(plan),
                ElementsAre("conv+bias conv1 4x8x8", "conv+bias+relu conv2 7x8x8", "pad+add+relu 7x8x8", "linear+bias fc8 10x1x1"));
    EXPECT_THAT(plan.steps[2].zeros, ElementsAre(1, 2));
}

TEST(Plan, FusesEveryOperationOfVgg9) {
    const auto lines = describe(make_plan(model::build_network("vgg9", 3, 10)));
    EXPECT_EQ(count_of(lines, "conv+bias+relu"),
              std::ranges::count_if(lines, [](const std::string& line) { return line.starts_with("conv"); }));
    EXPECT_GE(count_of(lines, "conv+bias+relu"), 6);
    EXPECT_GE(count_of(lines, "max_pool"), 2);
    EXPECT_GE(count_of(lines, "linear+bias+relu"), 1);
    EXPECT_EQ(count_of(lines, "linear+bias"), 1);
}

TEST(Plan, FusesEveryOperationOfTheMlp) {
    EXPECT_THAT(describe(make_plan(model::build_network("mlp", 1, 10))),
                ElementsAre("linear+bias+relu fc1 256x1x1", "linear+bias+relu fc2 128x1x1", "linear+bias fc3 10x1x1"));
}

TEST(Plan, EveryArchitectureHasOne) {
    int planned = 0;
    for (const std::string& architecture : model::known_architectures()) {
        const Network network = model::build_network(architecture, 3, 100);
        const Plan plan = make_plan(network);
        const auto with_weights =
            std::ranges::count_if(network.ops, [](const Op& op) { return op.kind == OpKind::conv2d || op.kind == OpKind::linear; });
        EXPECT_EQ(std::ranges::count_if(plan.layers, [](const Layer& layer) { return layer.weight >= 0; }), with_weights) << architecture;
        EXPECT_EQ(plan.steps.back().kind, StepKind::linear) << architecture;
        ++planned;
    }
    EXPECT_GE(planned, 12);
}

TEST(Plan, FoldsTheInnerBatchNormsOfPreactivatedBlocks) {
    const auto lines = describe(make_plan(model::build_network("preresnet110", 3, 10)));
    EXPECT_EQ(count_of(lines, "scale_shift+relu"), 36 + 1);  // the first batch norm of each block reads the stream, so does the last
    EXPECT_EQ(count_of(lines, "conv+bias+relu"), 2 * 36);
    EXPECT_EQ(count_of(lines, "conv+bias+residual"), 36);
    EXPECT_EQ(count_of(lines, "conv+bias"), 1 + 3);  // the stem and the projections
    EXPECT_EQ(lines.size(), 37U + 4 * 36 - 36 + 4 + 2);
}

TEST(Plan, ConcatenatesWhileItScalesAndShifts) {
    const auto lines = describe(make_plan(model::build_network("densenet121", 3, 10)));
    EXPECT_EQ(count_of(lines, "scale_shift+relu"), 4);                  // the first of each block
    EXPECT_EQ(count_of(lines, "concat+scale_shift+relu"), 54 + 3 + 1);  // all others, transitions, the last
    EXPECT_EQ(count_of(lines, "concat"), 0);
    EXPECT_EQ(count_of(lines, "conv+bias+relu"), 58);
}

TEST(Plan, LeavesBatchNormsApartThatNormaliseWithTheBatch) {
    const auto lines = describe(make_plan(model::build_network("resnet20", 1, 10), Statistics::of_batch));
    EXPECT_EQ(count_of(lines, "conv+bias"), 21);
    EXPECT_EQ(count_of(lines, "scale_shift+relu"), 1 + 9);
    EXPECT_EQ(count_of(lines, "scale_shift+add+relu"), 9);
    EXPECT_EQ(count_of(lines, "scale_shift"), 2);  // after projections
    EXPECT_EQ(lines.size(), 2 * 21U + 2);
}

void expect_refused(const Network& network, const std::string& what) {
    try {
        make_plan(network);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::config);
        EXPECT_THAT(error.what(), HasSubstr(what));
        EXPECT_THAT(error.what(), HasSubstr("evaluate.evaluator=reference"));
    }
}

std::vector<std::string> lines_of(Sketch& net) {
    return describe(make_plan(net.finish()));
}

TEST(Plan, ABatchNormOfWhatOthersReadStandsAlone) {
    Sketch net(1, 8, 8);
    const int conv = net.conv(0, 4);
    net.linear(net.flatten(net.add(net.relu(net.batch_norm(conv)), conv)), 10);
    EXPECT_THAT(lines_of(net), ElementsAre("conv+bias conv1 4x8x8", "scale_shift+relu bn2 4x8x8", "add 4x8x8", "linear+bias fc6 10x1x1"));
}

TEST(Plan, ABatchNormWaitsForTheSum) {
    Sketch net(1, 8, 8);
    const int first = net.conv(0, 4), second = net.conv(0, 4);
    net.linear(net.flatten(net.batch_norm(net.add(first, second))), 10);
    EXPECT_THAT(lines_of(net),
                ElementsAre("conv+bias conv2 4x8x8", "conv+bias+residual conv1 4x8x8", "scale_shift bn4 4x8x8", "linear+bias fc6 10x1x1"));
}

TEST(Plan, TheImagesAreBroughtIntoTheFormatOfValuesOnce) {
    Sketch net(4, 8, 8);
    const int sum = net.add(net.conv(0, 4), 0);
    net.linear(net.flatten(net.concat({sum, 0})), 10);
    EXPECT_THAT(lines_of(net), ElementsAre("image 4x8x8", "conv+bias+residual conv1 4x8x8", "concat 8x8x8", "linear+bias fc5 10x1x1"));
}

TEST(Plan, ConcatenationsOfConcatenationsAreOne) {
    Sketch net(1, 8, 8);
    const int a = net.conv(0, 4), b = net.conv(0, 4);
    const int inner = net.concat({a, b});
    net.linear(net.flatten(net.relu(net.concat({inner, net.conv(inner, 4)}))), 10);
    const Plan plan = make_plan(net.finish());
    EXPECT_THAT(describe(plan), ElementsAre("conv+bias conv1 4x8x8", "conv+bias conv2 4x8x8", "concat 8x8x8", "conv+bias conv4 4x8x8",
                                            "concat+relu 12x8x8", "linear+bias fc8 10x1x1"));
}

TEST(Plan, FlattenIsAStepOnlyWhereNoLinearLayerReadsIt) {
    Sketch net(1, 4, 4);
    const int row = net.flatten(net.conv(0, 4));
    const int cut = net.relu(row), first = net.linear(cut, 10);
    net.add(net.linear(row, 10), first);
    EXPECT_THAT(lines_of(net), ElementsAre("conv+bias conv1 4x4x4", "flatten 64x1x1", "relu 64x1x1", "linear+bias fc4 10x1x1",
                                           "linear+bias+residual fc5 10x1x1", "flatten 10x1x1"));
}

TEST(Plan, NamesGroupedConvolutions) {
    Sketch net(4, 4, 4);
    net.linear(net.flatten(net.conv(net.conv(0, 8, {}, 2), 8, {}, 8)), 10);
    EXPECT_THAT(lines_of(net), ElementsAre("grouped_conv+bias conv1 8x4x4", "depthwise_conv+bias conv2 8x4x4", "linear+bias fc4 10x1x1"));
}

TEST(Plan, LeavesOutWhatTheLogitsDoNotDependOn) {
    Sketch net(1, 4, 4);
    net.max_pool(net.conv(0, 4), {});
    net.linear(net.flatten(0), 10);
    EXPECT_THAT(lines_of(net), ElementsAre("linear+bias fc4 10x1x1"));
}

TEST(Plan, ASumTakesItsTermsPlaceWhereNothingReadsThatLater) {
    Sketch net(8, 4, 4);
    const int first = net.conv(0, 8), second = net.conv(first, 8);
    const int sum = net.add(second, first), third = net.conv(sum, 8);
    net.linear(net.flatten(net.add(net.add(third, first), sum)), 10);
    const Plan plan = make_plan(net.finish());
    EXPECT_THAT(describe(plan), ElementsAre("conv+bias conv1 8x4x4", "conv+bias+residual conv2 8x4x4", "conv+bias+residual conv4 8x4x4",
                                            "add 8x4x4", "linear+bias fc8 10x1x1"));
    EXPECT_THAT(replaceable_residuals(plan), ElementsAre(false, false, true, true, false));
}

TEST(Plan, SummarisesItsSteps) {
    EXPECT_EQ(summary(make_plan(model::build_network("resnet20", 1, 10))),
              "10 conv+bias+relu, 9 conv+bias+residual+relu, 2 conv+bias, 1 avg_pool, 1 linear+bias");
}

Network without_statistics() {
    Sketch net(1, 4, 4);
    net.linear(net.flatten(net.batch_norm(0)), 10);
    Network network = net.finish();
    network.ops[1].running_var = -1;
    return network;
}

TEST(Plan, RefusesABatchNormWithoutStatistics) {
    expect_refused(without_statistics(), "batch norm 'bn1' of sketch (it has no running statistics)");
}

TEST(Path, IsNamedWithItsReason) {
    const Network network = model::build_network("mlp", 1, 10);
    EXPECT_EQ(describe_path(network, Kind::compiled), "compiled, 3 fused steps: 2 linear+bias+relu, 1 linear+bias");
    EXPECT_EQ(describe_path(network, Kind::reference), "reference, the plain network's 7 operations one by one");
    EXPECT_THAT(describe_path(without_statistics(), Kind::reference), HasSubstr("it has no running statistics"));
    EXPECT_THROW(describe_path(without_statistics(), Kind::compiled), Error);
}

TEST(Plan, RefusesLogitsThatAreNotOneAClass) {
    Sketch net(1, 4, 4);
    net.conv(0, 10);
    Network network = net.finish();
    network.classes = 10;
    expect_refused(network, "the logits of sketch (they are 160 numbers for 10 classes)");
}

TEST(Plan, RefusesTermsAndPartsOfDifferentShapes) {
    Sketch net(1, 4, 4);
    const int conv = net.conv(0, 2, {.padding = 0});
    net.linear(net.flatten(net.add(0, conv)), 10);
    expect_refused(net.finish(), "addition number 2 of sketch");
    Sketch other(1, 4, 4);
    const int cut = other.conv(0, 2, {.padding = 0});
    other.linear(other.flatten(other.concat({0, cut})), 10);
    expect_refused(other.finish(), "concatenation number 2 of sketch");
}

}  // namespace

}  // namespace orograph::evaluate
