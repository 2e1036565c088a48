#pragma once

#include "plan.hpp"

#include "orograph/evaluate/arithmetic.hpp"
#include "orograph/gpu/fold_layer.hpp"

// How a plan's weights lie on a device, decided once. Free of torch.
namespace orograph::evaluate {

// Where things begin in the one buffer that holds a folded point; bytes, each section aligned for every kernel.
struct PointSections {
    std::int64_t bias = 0, bias_bfloat16 = 0, norm = 0, end = 0;  // the weights begin at 0; bias_bfloat16 is empty for other precisions
};

struct CudaLayout {
    std::vector<gpu::FoldLayer> layers;  // as Plan::layers
    std::int64_t rows = 0;               // of bias and norm: the outputs of all layers
    int max_outputs = 0;
    PointSections sections;
    gpu::Element element =
        gpu::Element::float32;         // of activations and of weights; float32 are the last layer's and those of pointwise steps
    std::int64_t image_channels = 0;   // of the resident images: fused convolutions want rows of 16 bytes
    std::vector<bool> bias_elsewhere;  // of each step: its bias is part of the step's that adds its value
};

CudaLayout make_layout(const Plan& plan, const model::ParameterSpace& space, Precision precision);

// Images a batch where the user leaves the choice: as many as keep the largest value of a step within 16 MiB, so that the three values that
// are alive at once stay in the 50 MB of an H100's second-level cache, but 256 to 512, so that its 132 multiprocessors are busy.
std::int64_t choose_batch(const Plan& plan, gpu::Element element);

}  // namespace orograph::evaluate
