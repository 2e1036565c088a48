#include "orograph/model/network.hpp"

#include "fresh_folder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"
#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace orograph::model {
namespace {

using testing::HasSubstr;
using testing_support::error_message;

TEST(Network, KnowsItsArchitectures) {
    EXPECT_EQ(known_architectures().size(), 48U);
    for (const std::string& name : known_architectures()) {
        EXPECT_EQ(build_network(name, 1, 10).architecture, name);
        EXPECT_FALSE(paper_of(name).empty()) << name;
    }
}

// Millions of parameters as published for 3 channels and 10 classes: He et al. 2016 table 6 (resnet20), He et al. 2016b table 4
// (preresnet164), Zagoruyko & Komodakis 2016 table 4 (wrn28_10), Huang et al. 2017 (7.0 for DenseNet-121 without its 1000 classes),
// torchvision's ResNet-50 (25.557, of which 2.049 in 1000 classes and the 7x7 first convolution). LeNet-5's 60,000 (LeCun et al. 1998)
// had a sparser second convolution: 62,006 is what is left of its layers when that reads all maps.
TEST(Network, HasThePublishedNumbersOfParameters) {
    const struct {
        const char* name;
        double millions, half_unit;
    } published[] = {{"resnet20", 0.27, 0.005},  {"preresnet164", 1.7, 0.05}, {"wrn28_10", 36.5, 0.05},
                     {"densenet121", 7.0, 0.05}, {"resnet50", 23.5, 0.05},    {"lenet5", 0.062006, 1e-9}};
    for (const auto& entry : published) {
        const double count = static_cast<double>(build_network(entry.name, 3, 10).space.parameter_count());
        EXPECT_NEAR(count / 1e6, entry.millions, entry.half_unit) << entry.name;
    }
}

TEST(Network, CountsEveryClassAndChannel) {
    const std::int64_t base = build_network("convfc", 1, 10).space.parameter_count();
    EXPECT_EQ(build_network("convfc", 3, 10).space.parameter_count() - base, 2 * 32 * 25);
    EXPECT_EQ(build_network("convfc", 1, 100).space.parameter_count() - base, 90 * 1001);
}

TEST(Network, NamesTheNearestForAnUnknownOne) {
    const std::string message = error_message(ExitCode::config, [] { build_network("resnet-20", 1, 10); });
    EXPECT_THAT(message, HasSubstr("'resnet-20'"));
    EXPECT_THAT(message, HasSubstr("did you mean resnet20?"));
    EXPECT_THAT(error_message(ExitCode::config, [] { build_network("", 1, 10); }), HasSubstr("known: resnet20"));
}

TEST(Network, ListsItsOperationsInTopologicalOrder) {
    std::size_t checked = 0;
    for (const std::string& name : known_architectures()) {
        const Network network = build_network(name, 3, 10);
        EXPECT_EQ(network.ops.front().kind, OpKind::input);
        for (std::size_t k = 1; k < network.ops.size(); ++k) {
            EXPECT_FALSE(network.ops[k].inputs.empty());
            for (const int input : network.ops[k].inputs) EXPECT_TRUE(input >= 0 && static_cast<std::size_t>(input) < k);
            ++checked;
        }
        EXPECT_EQ(network.ops.back().shape, (std::array<std::int64_t, 3>{10, 1, 1}));
    }
    EXPECT_GT(checked, 1000U);
}

TEST(Network, LaysItsTensorsOutWithoutHoles) {
    for (const std::string& name : known_architectures()) {
        const ParameterSpace space = build_network(name, 3, 10).space;
        for (const auto* specs : {&space.parameters, &space.states}) {
            std::int64_t offset = 0;
            for (const TensorSpec& spec : *specs) {
                EXPECT_EQ(spec.offset, offset);
                offset += spec.count;
            }
        }
        EXPECT_EQ(space.state_dict_order.size(), space.parameters.size() + space.states.size() + space.counters.size());
    }
}

// The shapes that the builder infers are those that LibTorch computes, operation by operation.
TEST(Network, InfersTheShapesThatLibTorchComputes) {
    for (const std::string name : {"resnet20", "resnet20_noshort", "resnet20_a", "resnet18", "resnet50", "vgg9", "densenet121", "vgg16bn",
                                   "preresnet110", "convfc", "lenet5", "mlp"}) {
        const Network whole = build_network(name, 3, 10);
        const Weights weights = initial_weights(whole, 1);
        const auto parameters = views(weights.parameters, whole.space.parameters);
        const auto states = views(weights.states, whole.space.states);
        const std::size_t stride = 1 + whole.ops.size() / 8;
        for (std::size_t k = 1; k < whole.ops.size(); k += stride) {
            Network part = whole;
            part.ops.resize(k + 1);
            const at::Tensor result = forward(part, parameters, states, at::zeros({1, 3, 32, 32}), BatchNormMode::use_states);
            const auto& shape = whole.ops[k].shape;
            EXPECT_EQ(result.numel(), shape[0] * shape[1] * shape[2]) << name << " op " << k;
            EXPECT_EQ(result.size(1), shape[0]) << name << " op " << k;
        }
    }
}

TEST(Network, KnowsWhichOthersHaveItsTensors) {
    std::map<std::string, std::string> alike;
    for (const std::string& name : known_architectures()) {
        const Network network = build_network(name, 3, 10);
        const std::vector<std::string> names = architectures_with(network.space, 3, 10);
        EXPECT_THAT(names, testing::Contains(name));
        if (names.size() > 1) alike[name] = join(names);
    }
    std::map<std::string, std::string> expected;
    for (const std::string depth : {"20", "32", "44", "56", "110"}) {
        const std::string names = "resnet" + depth + "_noshort, resnet" + depth + "_a";
        expected["resnet" + depth + "_noshort"] = expected["resnet" + depth + "_a"] = names;
    }
    EXPECT_EQ(alike, expected);
}

// He et al. 2016 sec. 3.3, option A: element by element.
TEST(Forward, AShortcutOfZerosIsEverySecondPixelBetweenZeros) {
    Network network = build_network("resnet20_a", 3, 10);
    const auto pad = std::ranges::find(network.ops, OpKind::pad_channels, &Op::kind);
    ASSERT_NE(pad, network.ops.end());
    const Weights weights = initial_weights(network, 1);
    const auto values_of = [&](std::ptrdiff_t last) {
        Network part = network;
        part.ops.resize(static_cast<std::size_t>(last) + 1);
        return forward(part, views(weights.parameters, network.space.parameters), views(weights.states, network.space.states),
                       at::linspace(-1, 1, 2 * 3 * 32 * 32).view({2, 3, 32, 32}), BatchNormMode::use_states);
    };
    const int subsampled = pad->inputs[0];
    const at::Tensor shortcut = values_of(pad - network.ops.begin());
    const at::Tensor block = values_of(network.ops[static_cast<std::size_t>(subsampled)].inputs[0]);
    ASSERT_EQ(shortcut.sizes(), at::IntArrayRef({2, 32, 16, 16}));
    ASSERT_EQ(block.sizes(), at::IntArrayRef({2, 16, 32, 32}));
    const auto in = block.accessor<float, 4>(), out = shortcut.accessor<float, 4>();
    EXPECT_GT(block.abs().max().item<float>(), 0);
    for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t c = 0; c < 32; ++c)
            for (std::int64_t y = 0; y < 16; ++y)
                for (std::int64_t x = 0; x < 16; ++x) ASSERT_EQ(out[n][c][y][x], 8 <= c && c < 24 ? in[n][c - 8][2 * y][2 * x] : 0);
}

TEST(Forward, RefusesToTrainBatchNormalisationOnOneImage) {
    const Network network = build_network("vgg9", 1, 10);
    const Weights weights = initial_weights(network, 1);
    const auto run = [&](std::int64_t images) {
        return forward(network, views(weights.parameters, network.space.parameters), views(weights.states, network.space.states),
                       at::ones({images, 1, 32, 32}), BatchNormMode::update_states);
    };
    EXPECT_THAT(error_message(ExitCode::config, [&] { run(1); }), HasSubstr("fc.1"));
    EXPECT_EQ(run(2).size(0), 2);
}

TEST(Forward, LeavesTheStatesAloneInEvaluation) {
    const Network network = build_network("resnet20", 1, 10);
    const Weights weights = initial_weights(network, 1);
    const at::Tensor before = weights.states.clone();
    const auto run = [&](BatchNormMode mode) {
        forward(network, views(weights.parameters, network.space.parameters), views(weights.states, network.space.states),
                at::ones({2, 1, 32, 32}), mode);
    };
    run(BatchNormMode::use_states);
    EXPECT_TRUE(at::equal(weights.states, before));
    run(BatchNormMode::update_states);
    EXPECT_FALSE(at::equal(weights.states, before));
}

}  // namespace
}  // namespace orograph::model
