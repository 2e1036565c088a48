#include "builder.hpp"

#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

namespace orograph::model {
namespace {

constexpr double probability = 0.25;
constexpr std::int64_t images = 8, per_image = 3 * 32 * 32;

// Two dropouts of the same input, one beside the other in the channels.
Network two_dropouts() {
    NetworkBuilder net("dropout", 3, 10);
    const int first = net.dropout(0, probability);
    net.concat({first, net.dropout(0, probability)});
    return std::move(net).finish();
}

// What `draw` multiplies ones with: [B, 3, 32, 32] of the first dropout, then of the second.
std::vector<at::Tensor> masks(const DropoutDraw& draw, std::int64_t count = images, at::ScalarType type = at::kFloat) {
    const at::Tensor both = forward(two_dropouts(), {}, {}, at::ones({count, 3, 32, 32}, type), BatchNormMode::update_states, draw);
    return both.split(3, 1);
}

double share_equal(const at::Tensor& a, const at::Tensor& b) {
    return a.eq(b).to(at::kDouble).mean().item<double>();
}

TEST(Dropout, ZeroesItsShareAndScalesTheRest) {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
        const at::Tensor mask = masks({.seed = 1}, images, type)[0];
        const at::Tensor zeroed = mask.eq(0), kept = mask.eq(1 / (1 - at::scalar_tensor(probability, type)));
        EXPECT_EQ((zeroed | kept).sum().item<std::int64_t>(), images * per_image);
        const double deviation = std::sqrt(probability * (1 - probability) / (images * per_image));
        EXPECT_NEAR(zeroed.to(at::kDouble).mean().item<double>(), probability, 5 * deviation);
    }
}

TEST(Dropout, IsAPureFunctionOfItsDraw) {
    const DropoutDraw draw{.seed = 7, .pass = 1000};
    const auto once = masks(draw);
    at::set_num_threads(2);
    const auto again = masks(draw);
    at::set_num_threads(1);
    EXPECT_TRUE(at::equal(once[0], again[0]));
    EXPECT_TRUE(at::equal(once[1], again[1]));
}

// Independent masks agree in (1-p)^2 + p^2 of the values.
TEST(Dropout, EverySeedPassOperationAndImageHasItsOwn) {
    const double chance = (1 - probability) * (1 - probability) + probability * probability;
    const double bound = 5 * std::sqrt(chance * (1 - chance) / (images * per_image));
    const auto base = masks({.seed = 7, .pass = 1000});
    EXPECT_NEAR(share_equal(base[0], base[1]), chance, bound);
    EXPECT_NEAR(share_equal(base[0], masks({.seed = 8, .pass = 1000})[0]), chance, bound);
    EXPECT_NEAR(share_equal(base[0], masks({.seed = 7, .pass = 1001})[0]), chance, bound);
    EXPECT_NEAR(share_equal(base[0], base[0].roll(1, 0)), chance, bound);
}

TEST(Dropout, AShareOfABatchGetsTheMasksOfItsPlaces) {
    const at::Tensor whole = masks({.seed = 7, .pass = 5})[1];
    const at::Tensor share = masks({.seed = 7, .pass = 5, .first_image = 3}, 2)[1];
    EXPECT_TRUE(at::equal(share, whole.narrow(0, 3, 2)));
}

TEST(Dropout, GradientsGoThroughTheMask) {
    const at::Tensor input = at::ones({2, 3, 32, 32}).requires_grad_();
    const at::Tensor out = forward(two_dropouts(), {}, {}, input, BatchNormMode::update_states, DropoutDraw{.seed = 1});
    out.sum().backward();
    const auto parts = out.detach().split(3, 1);
    EXPECT_TRUE(at::equal(input.grad(), parts[0] + parts[1]));
}

TEST(Dropout, WithoutADrawItIsTheIdentity) {
    const Network network = build_network("vgg16", 1, 10);  // no batch norm: training differs from evaluation by dropout alone
    const Weights weights = initial_weights(network, 1);
    const auto logits = [&](BatchNormMode mode, const std::optional<DropoutDraw>& draw) {
        return forward(network, views(weights.parameters, network.space.parameters), {}, at::linspace(-1, 1, 2048).view({2, 1, 32, 32}),
                       mode, draw);
    };
    const at::Tensor evaluated = logits(BatchNormMode::use_states, std::nullopt);
    EXPECT_TRUE(at::equal(evaluated, logits(BatchNormMode::update_states, std::nullopt)));
    EXPECT_FALSE(at::equal(evaluated, logits(BatchNormMode::update_states, DropoutDraw{.seed = 1})));
}

}  // namespace
}  // namespace orograph::model
