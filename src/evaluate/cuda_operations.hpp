#pragma once

#include "cuda_queue.hpp"
#include "loss_kind.hpp"

#include "orograph/gpu/fold.hpp"

#include <torch/types.h>

// What a step is made of, on tensors of one device: library calls and our kernels, on the GPU queued on the queue's stream, on the CPU
// their readable versions. Activations [B, C, H, W] in channels-last order or [B, C].
namespace orograph::evaluate {

struct ConvolutionForm {
    std::int64_t stride = 1, padding = 0, groups = 1;
    bool tf32 = false;
};

// relu(convolution + factor * residual + bias) in one operation. bias [K] of the source's type. The residual is read even where its factor
// is 0. Throws c10::Error where cuDNN has no such operation for these sizes.
at::Tensor convolution_add_relu(const at::Tensor& source, const at::Tensor& weight, const at::Tensor& residual, double factor,
                                const at::Tensor& bias, const ConvolutionForm& form);

// Without bias.
at::Tensor convolution(const at::Tensor& source, const at::Tensor& weight, const ConvolutionForm& form);

// The pointwise step: the parts' channels one behind the other, each times scale plus shift, plus residual, then ReLU. scale, shift: [C]
// float32 or undefined; parts, residual (undefined: none) and out of one type, each a matrix with a row a pixel. A single part may be
// `out`.
void join_channels(const Queue& queue, const std::vector<at::Tensor>& parts, const at::Tensor& scale, const at::Tensor& shift,
                   const at::Tensor& residual, bool relu, const at::Tensor& out);

// slot: one int32 that holds a float32's bits.
void raise_to_magnitude(const Queue& queue, const at::Tensor& values, const at::Tensor& slot);

// sums: [batches, 2] float64.
void sum_losses(const Queue& queue, const at::Tensor& logits, const at::Tensor& labels, std::int64_t batch, Loss loss,
                const at::Tensor& sums);

// layers: on the host, and the same bytes on the device.
void fold_point(const Queue& queue, std::span<const gpu::FoldLayer> layers, const at::Tensor& device_layers, int max_outputs,
                const gpu::FoldPoint& point, const gpu::FoldedPoint& folded);

}  // namespace orograph::evaluate
