#pragma once

#include "cpu_network.hpp"
#include "onednn_primitives.hpp"
#include "pointwise.hpp"
#include "winograd.hpp"

#include <optional>

// What a CpuNetwork's streams share.
namespace orograph::evaluate {

// A step, in one of three forms: a primitive of the library, a Winograd convolution or a pointwise kernel.
struct Kernel {
    onednn::Primitive primitive;  // of the other two only the formats
    std::optional<WinogradShape> winograd;
    std::optional<onednn::Reorder> residual;  // brings the residual to where the sum will be; none: it is there, or a pointwise step's
    bool replaces_residual = false;           // the residual's memory becomes the result's
    std::int64_t images = 0;                  // a call
    std::size_t value_bytes = 0;              // of its result, an image
};

// The packed weights of a layer.
struct PackedLayer {
    onednn::Desc plain;  // the format of folded weights
    onednn::memory weight, bias;
    std::optional<onednn::Reorder> pack;  // none: they are copied, interleaved, or Winograd's
    std::int64_t interleaved = 0;         // a linear layer's: so many outputs lie together, see interleave(); 0: not so
    std::optional<WinogradShape> winograd;
    std::int64_t groups = 1;  // of a convolution
};

struct CpuNetwork::State {
    State(const Plan& plan, const CpuSetting& setting);

    onednn::Desc image_format(std::int64_t count, ImageLayout in) const;
    bool finite_weights() const;

    Plan plan;
    CpuSetting wanted;
    const WinogradKernels* winograd;  // null: none for this instruction set
    const PointwiseKernel* pointwise;
    onednn::Setting setting;
    std::vector<Algorithm> algorithms;
    std::vector<Segment> segments;
    ImageLayout layout = ImageLayout::nchw;
    std::vector<Kernel> kernels;  // of each step
    std::vector<PackedLayer> layers;
    std::vector<LayerPart> parts;
    std::vector<char> finite;  // of each part, its weights
    std::size_t scratchpad_bytes = 0;
    onednn::memory zeros;  // as many as the channels of zeros of any step, an image; none: no step has any

private:
    void choose_layout();
    onednn::Desc format_of(int value, std::int64_t count) const;
    void add(std::size_t index, std::int64_t count);
    void add_winograd(Kernel& kernel, const Step& step, const onednn::Desc& source);
    void add_residual(Kernel& kernel, std::size_t index);
    PackedLayer make_layer(const Step& step, const Kernel& kernel) const;
    void add_parts(std::size_t layer);
    void need_scratchpad(std::size_t bytes);
    void make_zeros();
};

inline float* floats_of(const onednn::memory& buffer) {
    return static_cast<float*>(buffer.get_data_handle());
}

// All zeros.
onednn::memory make_buffer(std::size_t size_bytes, const dnnl::engine& engine);

}  // namespace orograph::evaluate
