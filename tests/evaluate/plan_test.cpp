#include "plan.hpp"

#include "orograph/core/error.hpp"

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
        const auto layers =
            std::ranges::count_if(network.ops, [](const Op& op) { return op.kind == OpKind::conv2d || op.kind == OpKind::linear; });
        EXPECT_EQ(static_cast<std::int64_t>(plan.layers.size()), layers) << architecture;
        ++planned;
    }
    EXPECT_GE(planned, 12);
}

// input -> conv -> ... -> flatten -> linear, to be spoilt by a test.
Network small_network() {
    Network network{.architecture = "small", .channels = 1, .classes = 10};
    network.ops = {{.kind = OpKind::input, .shape = {1, 8, 8}},
                   {.kind = OpKind::conv2d, .name = "a", .inputs = {0}, .shape = {4, 8, 8}, .kernel = 3, .padding = 1, .weight = 0},
                   {.kind = OpKind::conv2d, .name = "b", .inputs = {1}, .shape = {4, 8, 8}, .kernel = 3, .padding = 1, .weight = 1}};
    return network;
}

void close(Network& network) {
    const int last = static_cast<int>(network.ops.size()) - 1;
    network.ops.push_back({.kind = OpKind::flatten, .inputs = {last}, .shape = {256, 1, 1}});
    network.ops.push_back({.kind = OpKind::linear, .name = "fc", .inputs = {last + 1}, .shape = {10, 1, 1}, .weight = 2});
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

TEST(Plan, TakesTheSmallNetworkAsItIs) {
    Network network = small_network();
    close(network);
    EXPECT_THAT(describe(make_plan(network)), ElementsAre("conv+bias a 4x8x8", "conv+bias b 4x8x8", "linear+bias fc 10x1x1"));
}

TEST(Plan, RefusesABatchNormThatFollowsNoLayer) {
    Network network = small_network();
    network.ops.push_back({.kind = OpKind::relu, .inputs = {2}, .shape = {4, 8, 8}});
    network.ops.push_back({.kind = OpKind::batch_norm,
                           .name = "bn",
                           .inputs = {3},
                           .shape = {4, 8, 8},
                           .weight = 3,
                           .bias = 4,
                           .running_mean = 0,
                           .running_var = 1});
    close(network);
    expect_refused(network, "batch norm 'bn' of small");
}

TEST(Plan, RefusesAReluWhoseInputIsReadElsewhereToo) {
    Network network = small_network();
    network.ops.push_back({.kind = OpKind::relu, .inputs = {1}, .shape = {4, 8, 8}});
    network.ops.push_back({.kind = OpKind::add, .inputs = {2, 3}, .shape = {4, 8, 8}});
    close(network);
    expect_refused(network, "ReLU number 3");
}

TEST(Plan, RefusesASumWhoseTermIsNeededAgain) {
    Network network = small_network();
    network.ops.push_back({.kind = OpKind::add, .inputs = {2, 1}, .shape = {4, 8, 8}});
    network.ops.push_back({.kind = OpKind::conv2d, .name = "c", .inputs = {3}, .shape = {4, 8, 8}, .kernel = 3, .padding = 1, .weight = 5});
    network.ops.push_back({.kind = OpKind::add, .inputs = {4, 1}, .shape = {4, 8, 8}});
    close(network);
    expect_refused(network, "addition after 'b'");
}

TEST(Plan, RefusesASumWithTheImage) {
    Network network = small_network();
    network.ops[1].shape = network.ops[2].shape = {1, 8, 8};
    network.ops.push_back({.kind = OpKind::add, .inputs = {2, 0}, .shape = {1, 8, 8}});
    close(network);
    expect_refused(network, "addition after 'b'");
}

TEST(Plan, RefusesLogitsThatComeFromNoLinearLayer) {
    Network network = small_network();
    expect_refused(network, "logits");
}

}  // namespace

}  // namespace orograph::evaluate
