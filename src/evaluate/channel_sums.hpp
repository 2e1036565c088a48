#pragma once

#include <cstdint>

// Free of torch and oneDNN.
namespace orograph::evaluate {

// Adds up a value and its squares over images and pixels, channel by channel, in float64: image by image, and within an image its even
// pixels, its odd pixels, then both. So all instruction sets give the same bits, and so do images in several calls.
struct ChannelSumsCall {
    const float* data = nullptr;  // channel c of pixel p lies at (c / lanes * pixels + p) * lanes + c % lanes from the image's beginning
    std::int64_t stride = 0;      // elements from one image to the next
    std::int64_t images = 0, channels = 0, pixels = 0;
    double* sums = nullptr;     // [channels], added to
    double* squares = nullptr;  // likewise
};

}  // namespace orograph::evaluate
