#include "fixtures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "../train/synthetic.hpp"

namespace orograph::landscape {
namespace {

using testing::error_of;
using testing::lively_weights;
using testing::raw_direction;

constexpr std::array all_rules{Normalize::none,   Normalize::filter,  Normalize::layer,
                               Normalize::weight, Normalize::dfilter, Normalize::dlayer};

at::Tensor part(const at::Tensor& flat, const model::TensorSpec& spec) {
    return flat.slice(0, spec.offset, spec.offset + spec.count).reshape(spec.shape).to(at::kDouble);
}

// The formulas of numerics.md section 1 on whole tensors in float64.
at::Tensor expected_tensor(const at::Tensor& drawn, const at::Tensor& weights, Normalize rule, Ignore ignore) {
    const bool slim = drawn.dim() <= 1;
    if (slim && ignore == Ignore::biasbn) return at::zeros_like(drawn);
    if (slim && ignore == Ignore::li_compat) return weights;
    const auto norm = [&](const at::Tensor& t) {
        if (slim) return t.square().sum().sqrt();
        std::vector<std::int64_t> broadcast(static_cast<std::size_t>(t.dim()), 1);
        broadcast[0] = t.size(0);
        return t.reshape({t.size(0), -1}).square().sum(1).sqrt().reshape(broadcast);
    };
    const double epsilon = slim ? 0 : 1e-10;
    switch (rule) {
        case Normalize::none:
            return drawn;
        case Normalize::weight:
            return drawn * weights;
        case Normalize::filter:
            return drawn * norm(weights) / (norm(drawn) + epsilon);
        case Normalize::dfilter:
            return drawn / (norm(drawn) + epsilon);
        case Normalize::layer:
            return drawn * weights.norm() / drawn.norm();
        case Normalize::dlayer:
            return drawn / drawn.norm();
    }
    return {};
}

// Elements compared; each within a float32 rounding of the float64 formula.
std::int64_t compare(const std::vector<model::TensorSpec>& specs, const at::Tensor& drawn, const at::Tensor& weights,
                     const at::Tensor& actual, Normalize rule, Ignore ignore) {
    std::int64_t compared = 0;
    for (const model::TensorSpec& spec : specs) {
        const at::Tensor expected = expected_tensor(part(drawn, spec), part(weights, spec), rule, ignore);
        const at::Tensor difference = (part(actual, spec) - expected).abs();
        EXPECT_TRUE((difference <= expected.abs() * 1.2e-7).all().item<bool>())
            << spec.name << " " << to_string(rule) << " " << to_string(ignore) << " " << difference.max().item<double>();
        compared += spec.count;
    }
    return compared;
}

TEST(RandomDirection, FollowsEveryNormalisation) {
    std::int64_t compared = 0;
    for (const std::string architecture : {"resnet20", "mlp"}) {
        const auto network = model::build_network(architecture, 1, 10);
        auto centre = lively_weights(network, 1);
        const auto& first = network.space.parameters[0];
        centre.parameters.slice(0, first.offset, first.offset + first.count / first.shape[0]).zero_();  // a dead filter
        const Direction drawn = raw_direction(network, centre, 7, Space::states);
        for (const Normalize rule : all_rules) {
            for (const Ignore ignore : {Ignore::none, Ignore::biasbn, Ignore::li_compat}) {
                const Direction direction =
                    random_direction(network, centre, {.seed = 7, .normalize = rule, .ignore = ignore, .space = Space::states});
                const auto& space = network.space;
                compared += compare(space.parameters, drawn.delta.parameters, centre.parameters, direction.delta.parameters, rule, ignore);
                compared += compare(space.states, drawn.delta.states, centre.states, direction.delta.states, rule, ignore);
            }
        }
        EXPECT_TRUE(at::isfinite(drawn.delta.parameters).all().item<bool>());
        EXPECT_GE(compared, 18 * network.space.parameter_count());
    }
}

TEST(RandomDirection, DeadFiltersStayDead) {
    const auto network = model::build_network("resnet20", 1, 10);
    auto centre = lively_weights(network, 1);
    centre.parameters.slice(0, 0, 9).zero_();  // conv1.weight[0]
    const Direction direction = random_direction(network, centre, {});
    EXPECT_EQ(direction.delta.parameters.slice(0, 0, 9).abs().max().item<float>(), 0);
    EXPECT_GT(direction.delta.parameters.slice(0, 9, 18).abs().max().item<float>(), 0);
    EXPECT_EQ(direction.delta.states.abs().max().item<float>(), 0);
}

TEST(RandomDirection, IsStandardNormalAndSetByItsSeedOnly) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto centre = model::initial_weights(network, 1);
    const Direction one = raw_direction(network, centre, 1), again = raw_direction(network, centre, 1);
    const Direction two = raw_direction(network, centre, 2);
    EXPECT_TRUE(at::equal(one.delta.parameters, again.delta.parameters));
    EXPECT_LT(std::abs(cosine(one, two)), 0.02);
    const at::Tensor values = one.delta.parameters.to(at::kDouble);
    EXPECT_NEAR(values.mean().item<double>(), 0, 0.01);
    EXPECT_NEAR(values.std().item<double>(), 1, 0.01);
    EXPECT_NEAR(values.pow(4).mean().item<double>(), 3, 0.1);
    EXPECT_EQ(fingerprint(one), fingerprint(again));
    EXPECT_NE(fingerprint(one), fingerprint(two));
}

TEST(RandomDirection, IsNotParallelToInitialWeightsOfTheSameSeed) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto centre = model::initial_weights(network, 1);
    Direction weights = raw_direction(network, centre, 1);
    weights.delta.parameters = centre.parameters;
    const Direction direction = random_direction(network, centre, {.seed = 1});
    EXPECT_LT(std::abs(cosine(direction, weights)), 0.02);
}

TEST(DirectionTowards, ReachesTheOtherWeightsAtOne) {
    const testing::TemporaryFolder folder;
    const auto network = model::build_network("resnet20", 1, 10);
    const auto centre = lively_weights(network, 1), other = lively_weights(network, 2);
    model::save_weights(folder / "other.safetensors", network, other, {});
    for (const Space space : {Space::parameters, Space::states}) {
        const Direction direction =
            direction_towards(network, centre, {.kind = DirectionKind::towards, .space = space, .weights = folder / "other.safetensors"});
        const at::Tensor reached = centre.parameters + direction.delta.parameters;
        const at::Tensor scale = at::maximum(centre.parameters.abs(), other.parameters.abs());
        EXPECT_TRUE(((reached - other.parameters).abs() <= scale * 1.2e-7).all().item<bool>());
        EXPECT_FALSE(at::equal(other.parameters, centre.parameters));
        const at::Tensor states = space == Space::states ? other.states - centre.states : at::zeros_like(centre.states);
        EXPECT_TRUE(at::equal(direction.delta.states, states));
    }
}

TEST(DirectionTowards, RefusesAnotherArchitecture) {
    const testing::TemporaryFolder folder;
    const auto network = model::build_network("resnet20", 1, 10), mlp = model::build_network("mlp", 1, 10);
    model::save_weights(folder / "mlp.safetensors", mlp, model::initial_weights(mlp, 1), {});
    const auto towards = [&](const char* name) {
        direction_towards(network, model::initial_weights(network, 1), {.kind = DirectionKind::towards, .weights = folder / name});
    };
    EXPECT_EQ(error_of([&] { towards("mlp.safetensors"); }).first, ExitCode::data);
    EXPECT_EQ(error_of([&] { towards("nowhere.safetensors"); }).first, ExitCode::no_input);
}

TEST(DirectionFromTensors, IsTheReverseOfTensorsOf) {
    const auto network = model::build_network("resnet20", 1, 10);
    const auto centre = lively_weights(network, 1);
    for (const Space space : {Space::parameters, Space::states}) {
        const Direction direction = raw_direction(network, centre, 4, space);
        const auto tensors = tensors_of(network, direction);
        const std::size_t expected = network.space.parameters.size() + (space == Space::states ? network.space.states.size() : 0);
        ASSERT_EQ(tensors.size(), expected);
        const Direction back = direction_from_tensors(network, tensors, direction.spec);
        EXPECT_TRUE(at::equal(back.delta.parameters, direction.delta.parameters));
        EXPECT_TRUE(at::equal(back.delta.states, direction.delta.states));
    }
}

// conv1.weight, then bn1's weight, bias, running_mean, running_var, num_batches_tracked: the order of state_dict().
TEST(DirectionFromTensors, TakesStatesInStateDictOrderWithOrWithoutCounters) {
    const auto network = model::build_network("resnet20", 1, 10);
    const Direction direction = raw_direction(network, lively_weights(network, 1), 4, Space::states);
    const auto tensors = tensors_of(network, direction);
    EXPECT_TRUE(at::equal(tensors[3], direction.delta.states.slice(0, 0, 16)));
    std::vector<at::Tensor> with_counters;
    std::size_t next = 0;
    for (const std::string& name : network.space.state_dict_order) {
        const auto& counters = network.space.counters;
        const bool counter = std::find(counters.begin(), counters.end(), name) != counters.end();
        with_counters.push_back(counter ? at::zeros({}) : tensors[next++]);
    }
    ASSERT_EQ(next, tensors.size());
    ASSERT_GT(with_counters.size(), tensors.size());
    const Direction back = direction_from_tensors(network, with_counters, direction.spec);
    EXPECT_TRUE(at::equal(back.delta.states, direction.delta.states));
}

TEST(DirectionFromTensors, RefusesWhatDoesNotFit) {
    const auto network = model::build_network("resnet20", 1, 10);
    const Direction direction = raw_direction(network, lively_weights(network, 1), 4);
    const auto good = tensors_of(network, direction);
    auto fewer = good, misshapen = good, poisoned = good;
    fewer.pop_back();
    misshapen[0] = good[0].reshape({-1});
    poisoned[1] = at::full_like(good[1], std::nan(""));
    for (const auto& tensors : {fewer, misshapen, poisoned}) {
        const auto [code, message] = error_of([&] { direction_from_tensors(network, tensors, direction.spec); });
        EXPECT_EQ(code, ExitCode::data) << message;
        EXPECT_NE(message.find("xdirection"), std::string::npos) << message;
    }
}

}  // namespace
}  // namespace orograph::landscape
