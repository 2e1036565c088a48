#include "builder.hpp"

#include "orograph/model/forward.hpp"
#include "orograph/model/weights.hpp"

#include <gtest/gtest.h>

namespace orograph::model {
namespace {

struct Runnable {
    Network network;
    Weights weights = initial_weights(network, 3);
    std::vector<at::Tensor> parameters = views(weights.parameters, network.space.parameters);
    std::vector<at::Tensor> states = views(weights.states, network.space.states);

    at::Tensor operator()(const at::Tensor& images) const {
        return forward(network, parameters, states, images, BatchNormMode::use_states);
    }
};

at::Tensor some_images(std::int64_t count, std::int64_t channels) {
    return at::linspace(-1, 1, count * channels * 32 * 32).view({count, channels, 32, 32});
}

TEST(Builder, AGroupOfAConvolutionReadsItsOwnChannels) {
    NetworkBuilder net("grouped", 4, 10);
    net.conv(0, "conv", {.channels = 6, .groups = 2, .bias = true});
    const Runnable run{std::move(net).finish()};
    EXPECT_EQ(run.network.space.parameters[0].shape, (std::vector<std::int64_t>{6, 2, 3, 3}));
    EXPECT_EQ(run.network.multiply_adds(), 6 * 2 * 9 * 32 * 32);
    const at::Tensor images = some_images(2, 4);
    at::Tensor halves[2];
    for (int group = 0; group < 2; ++group) {
        halves[group] = at::conv2d(images.narrow(1, 2 * group, 2), run.parameters[0].narrow(0, 3 * group, 3),
                                   run.parameters[1].narrow(0, 3 * group, 3), 1, 1);
    }
    EXPECT_TRUE(at::allclose(run(images), at::cat({halves[0], halves[1]}, 1), 1e-5, 1e-6));
}

TEST(Builder, ConcatenationKeepsTheOrderOfItsParts) {
    NetworkBuilder net("joined", 2, 10);
    const int pooled = net.max_pool(0, {.kernel = 3, .stride = 2});
    const int mean = net.avg_pool(net.concat({0, 0}), 2);
    EXPECT_EQ(net.channels_of(mean), 4);
    const int narrow = net.max_pool(net.relu(0), {.kernel = 3, .stride = 2});
    net.concat({narrow, pooled});
    const Runnable run{std::move(net).finish()};
    EXPECT_EQ(run.network.ops.back().shape, (std::array<std::int64_t, 3>{4, 15, 15}));
    const at::Tensor images = some_images(2, 2), maximum = at::max_pool2d(images, 3, 2);
    EXPECT_TRUE(at::equal(run(images), at::cat({at::relu(maximum), maximum}, 1)));
}

TEST(Builder, CeilModeTakesAWindowMore) {
    for (const bool ceil_mode : {false, true}) {
        NetworkBuilder net("pooled", 1, 10);
        net.max_pool(0, {.kernel = 3, .stride = 2, .ceil_mode = ceil_mode});
        const Runnable run{std::move(net).finish()};
        EXPECT_EQ(run.network.ops.back().shape[1], ceil_mode ? 16 : 15);
        EXPECT_EQ(run(some_images(1, 1)).size(3), ceil_mode ? 16 : 15);
    }
}

}  // namespace
}  // namespace orograph::model
