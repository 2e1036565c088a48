#include "cuda_operations.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/magnitude.hpp"
#include "orograph/gpu/pointwise.hpp"

#include <ATen/Context.h>

namespace orograph::evaluate {

namespace {

using Sizes = std::vector<std::int64_t>;

gpu::Element element_of(const at::Tensor& tensor) {
    OROGRAPH_EXPECT(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
    return tensor.scalar_type() == at::kFloat ? gpu::Element::float32 : gpu::Element::bfloat16;
}

// cuDNN's fused operations take this setting from the process (ATen/native/cudnn/ConvShared.cpp); all else computes in IEEE float32.
class ConvolutionPrecision {
public:
    explicit ConvolutionPrecision(bool tf32) : tf32_(tf32) {
        if (tf32_) set(at::Float32Precision::TF32);
    }
    ~ConvolutionPrecision() {
        if (tf32_) set(at::Float32Precision::IEEE);
    }
    ConvolutionPrecision(const ConvolutionPrecision&) = delete;
    ConvolutionPrecision& operator=(const ConvolutionPrecision&) = delete;

private:
    static void set(at::Float32Precision precision) {
        at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV, precision);
    }
    bool tf32_;
};

}  // namespace

at::Tensor convolution_add_relu(const at::Tensor& source, const at::Tensor& weight, const at::Tensor& residual, double factor,
                                const at::Tensor& bias, const ConvolutionForm& form) {
    const Sizes stride{form.stride, form.stride}, padding{form.padding, form.padding}, dilation{1, 1};
    if (source.is_cuda()) {
        const ConvolutionPrecision precision(form.tf32);
        return at::cudnn_convolution_add_relu(source, weight, residual, factor, bias, stride, padding, dilation, form.groups);
    }
    const at::Tensor values = at::conv2d(source, weight, bias, stride, padding, dilation, form.groups);
    return (factor == 0 ? values : values.add(residual, factor)).relu().contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor convolution(const at::Tensor& source, const at::Tensor& weight, const ConvolutionForm& form) {
    const Sizes stride{form.stride, form.stride}, padding{form.padding, form.padding}, dilation{1, 1};
    if (source.is_cuda())
        return at::cudnn_convolution(source, weight, padding, stride, dilation, form.groups, /*benchmark=*/false, /*deterministic=*/true,
                                     form.tf32);
    return at::conv2d(source, weight, {}, stride, padding, dilation, form.groups).contiguous(at::MemoryFormat::ChannelsLast);
}

void join_channels(const Queue& queue, const std::vector<at::Tensor>& parts, const at::Tensor& scale, const at::Tensor& shift,
                   const at::Tensor& residual, bool relu, const at::Tensor& out) {
    const std::int64_t rows = out.numel() / out.size(1);
    std::vector<gpu::ColumnPart> columns;
    for (const at::Tensor& part : parts) columns.push_back({part.const_data_ptr(), part.size(1)});
    const float* scale_data = scale.defined() ? scale.const_data_ptr<float>() : nullptr;
    const float* shift_data = shift.defined() ? shift.const_data_ptr<float>() : nullptr;
    const void* residual_data = residual.defined() ? residual.const_data_ptr() : nullptr;
    if (out.is_cuda())
        gpu::join_columns_cuda(columns, element_of(out), rows, scale_data, shift_data, residual_data, relu, out.mutable_data_ptr(),
                               queue.stream());
    else
        gpu::join_columns_cpu(columns, element_of(out), rows, scale_data, shift_data, residual_data, relu, out.mutable_data_ptr());
}

void raise_to_magnitude(const Queue& queue, const at::Tensor& values, const at::Tensor& slot) {
    auto* bits = reinterpret_cast<std::uint32_t*>(slot.data_ptr<std::int32_t>());
    if (values.is_cuda())
        gpu::raise_to_magnitude_cuda(values.const_data_ptr(), element_of(values), values.numel(), bits, queue.stream());
    else
        gpu::raise_to_magnitude_cpu(values.const_data_ptr(), element_of(values), values.numel(), bits);
}

void sum_losses(const Queue& queue, const at::Tensor& logits, const at::Tensor& labels, std::int64_t batch, Loss loss,
                const at::Tensor& sums) {
    auto* slots = reinterpret_cast<gpu::LossSum*>(sums.data_ptr<double>());
    const auto* values = logits.const_data_ptr<float>();
    const auto* wanted = labels.const_data_ptr<std::int64_t>();
    const std::int64_t count = labels.size(0);
    const int classes = static_cast<int>(logits.size(1));
    if (logits.is_cuda()) return gpu::sum_losses_cuda(values, wanted, count, batch, classes, kind_of(loss), slots, queue.stream());
    for (std::int64_t first = 0; first < count; first += batch, ++slots)
        *slots = gpu::sum_losses_cpu(values + first * classes, wanted + first, std::min(batch, count - first), classes, kind_of(loss));
}

void fold_point(const Queue& queue, std::span<const gpu::FoldLayer> layers, const at::Tensor& device_layers, int max_outputs,
                const gpu::FoldPoint& point, const gpu::FoldedPoint& folded) {
    if (device_layers.is_cpu()) return gpu::fold_point_cpu(layers, point, folded);
    gpu::fold_point_cuda(static_cast<const gpu::FoldLayer*>(device_layers.const_data_ptr()), static_cast<int>(layers.size()), max_outputs,
                         point, folded, queue.stream());
}

}  // namespace orograph::evaluate
