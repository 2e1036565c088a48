#pragma once

#include "orograph/gpu/element.hpp"

#include <cstdint>

// What the kernel that folds a point works on. C++17, for nvcc too.
namespace orograph::gpu {

// A convolution, a linear layer or a batch norm by itself (whose one weight a channel is 1 before folding): where in the flat parameters
// and states its tensors begin (-1: it has none; there is a batch norm where there is a variance), and where its folded weights go.
struct FoldLayer {
    std::int64_t weight = -1, bias = -1, gamma = -1, beta = -1;  // in the parameters; weight: [outputs, channels (of a group), window]
    std::int64_t mean = -1, variance = -1;                       // in the states
    double epsilon = 0;
    std::int32_t outputs = 0, channels = 0, window = 0;  // window: height * width
    std::int32_t padded_channels = 0;                    // of the folded weight; the added channels are 0
    std::int32_t addend = -1;                            // the layer whose bias is added to this one's
    Element element = Element::float32;                  // of the folded weight
    std::int64_t weight_out = 0;                         // bytes into FoldedPoint::weights
    std::int64_t row_out = 0;                            // first element in FoldedPoint::bias and norm
};

constexpr int max_fold_directions = 8;

// The point centre + c_0 d_0 + c_1 d_1 + ... as perturb.hpp rounds it; flat vectors.
struct FoldPoint {
    const float* parameters = nullptr;  // of the centre
    const float* states = nullptr;
    const float* parameter_direction[max_fold_directions] = {};
    const float* state_direction[max_fold_directions] = {};  // null: this direction leaves the states where they are
    float coefficient[max_fold_directions] = {};
    int directions = 0;
};

// What comes out of a point.
struct FoldedPoint {
    unsigned char* weights = nullptr;        // a layer's at weight_out: [outputs, window, padded_channels]
    float* bias = nullptr;                   // a layer's at row_out: [outputs]
    std::uint16_t* bias_bfloat16 = nullptr;  // the same in bfloat16; null: not wanted
    float* norm = nullptr;                   // as bias: the sum of the magnitudes of an output's weights
};

}  // namespace orograph::gpu
