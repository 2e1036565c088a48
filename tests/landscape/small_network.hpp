#pragma once

#include "builder.hpp"

namespace orograph::testing {

// Two convolutions with batch norm: trains within seconds.
inline model::Network small_convolutional_network() {
    model::NetworkBuilder b("small", 1, 10);
    int x = b.relu(b.batch_norm(b.conv(0, "conv1", {.channels = 8, .stride = 2}), "bn1"));
    x = b.max_pool(x, {.kernel = 2, .stride = 2});
    x = b.relu(b.batch_norm(b.conv(x, "conv2", {.channels = 16, .stride = 2}), "bn2"));
    b.linear(b.flatten(x), "fc", 10);
    return std::move(b).finish();
}

}  // namespace orograph::testing
