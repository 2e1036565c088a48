#include "orograph/model/network.hpp"

#include "fresh_folder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orograph::model {
namespace {

using testing::HasSubstr;
using testing_support::error_message;

TEST(Network, KnowsThirtyArchitectures) {
    EXPECT_EQ(known_architectures().size(), 30U);
    for (const std::string& name : known_architectures()) EXPECT_EQ(build_network(name, 1, 10).architecture, name);
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
    for (const std::string name : {"resnet20", "resnet20_noshort", "resnet18", "vgg9", "vgg16bn", "mlp"}) {
        const Network whole = build_network(name, 3, 10);
        const Weights weights = initial_weights(whole, 1);
        const auto parameters = views(weights.parameters, whole.space.parameters);
        const auto states = views(weights.states, whole.space.states);
        for (std::size_t k = 1; k < whole.ops.size(); k += 3) {
            Network part = whole;
            part.ops.resize(k + 1);
            const at::Tensor result = forward(part, parameters, states, at::zeros({2, 3, 32, 32}), BatchNormMode::use_states);
            const auto& shape = whole.ops[k].shape;
            EXPECT_EQ(result.numel(), 2 * shape[0] * shape[1] * shape[2]) << name << " op " << k;
            EXPECT_EQ(result.size(1), shape[0]) << name << " op " << k;
        }
    }
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
