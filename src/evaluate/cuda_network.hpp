#pragma once

#include "cuda_layout.hpp"
#include "cuda_operations.hpp"

#include "orograph/evaluate/affine_space.hpp"

namespace orograph::evaluate {

// The folded weights of a point in one buffer, so that a point prepared beside another is put in its place by one copy.
struct PointBuffer {
    PointBuffer(const CudaLayout& layout, at::Device device);
    gpu::FoldedPoint pointers() const;

    // Sections of the buffer, float32 [rows].
    at::Tensor bias() const;
    at::Tensor norm() const;

    const CudaLayout& layout;
    at::Tensor bytes;
};

// A plan on one device with one set of weights at fixed addresses.
class CudaNetwork {
public:
    // Tries each step once, on `queue`, to see which convolutions are fused.
    CudaNetwork(const Plan& plan, const CudaLayout& layout, Precision precision, std::int64_t batch, at::Device device, Queue& queue);

    const PointBuffer& point() const { return point_; }

    // Queues a batch. images: [batch, image_channels, H, W], channels last, of the layout's element. logits: [batch, classes] float32,
    // before finish_logits(). magnitudes: int32 [measured steps], each raised to that of its step's values (a float32's bits).
    void run(const at::Tensor& images, const at::Tensor& logits, const at::Tensor& magnitudes) const;

    // Adds what the logits of any number of batches lack: the bias of the linear layer that they come from.
    void finish_logits(const at::Tensor& logits) const;

    const std::vector<int>& measured() const { return measured_; }

    // "21 of 23 convolutions fused"
    std::string describe() const;

private:
    struct LayerTensors {
        at::Tensor weight;      // convolution [K, C, H, W] in channels-last order; linear [K, H * W * C]
        at::Tensor bias;        // float32
        at::Tensor fused_bias;  // of the activations' type
    };

    LayerTensors tensors_of(int layer, StepKind kind) const;
    // What a step reads.
    struct Inputs {
        at::Tensor source;
        std::vector<at::Tensor> others;
        at::Tensor residual;  // undefined: none
    };

    at::Tensor run_step(int index, const Inputs& inputs, const at::Tensor& logits) const;
    at::Tensor run_convolution(int index, const Inputs& inputs) const;
    at::Tensor run_linear(int index, const Inputs& inputs, const at::Tensor& logits) const;
    at::Tensor run_pool(int index, const at::Tensor& source) const;
    at::Tensor run_pointwise(const Step& step, const Inputs& inputs) const;
    at::Tensor run_flatten(int index, const at::Tensor& source, const at::Tensor& logits) const;
    bool is_last(int index) const { return index + 1 == static_cast<int>(plan_.steps.size()); }
    ConvolutionForm form_of(const Step& step) const { return {step.stride, step.padding, step.groups, tf32_}; }
    at::Tensor zeros(const Step& step) const;
    void finish(const at::Tensor& values, const LayerTensors& layer, const at::Tensor& residual, bool relu) const;
    bool is_fusable(int index) const;
    bool can_fuse(int index) const;
    void find_fused();

    const Plan& plan_;
    const CudaLayout& layout_;
    const bool tf32_;
    const std::int64_t batch_;
    Queue& queue_;
    const std::vector<int> last_readers_, measured_;
    PointBuffer point_;
    std::vector<LayerTensors> layers_;
    at::Tensor zeros_;         // channels of zeros, and what fused convolutions without a residual add 0 times: never NaN
    std::vector<bool> fused_;  // of each step
};

}  // namespace orograph::evaluate
