#include "cuda_network.hpp"

#include "finiteness.hpp"

#include "orograph/core/error.hpp"

namespace orograph::evaluate {

namespace {

at::ScalarType type_of(gpu::Element element) {
    return element == gpu::Element::float32 ? at::kFloat : at::kBFloat16;
}

// [B, H, W, C] in memory, seen as [B, C, H, W].
at::Tensor channels_last(const at::Tensor& flat, std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
    return flat.narrow(0, 0, count * height * width * channels).view({count, height, width, channels}).permute({0, 3, 1, 2});
}

// Of a value [B, C, H, W] in channels-last order, or [B, C].
at::Tensor as_rows(const at::Tensor& value) {
    return value.dim() == 4 ? value.permute({0, 2, 3, 1}).reshape({value.size(0), -1}) : value;
}

// Of a value [B, C, H, W], or [B, C].
at::Tensor as_image(const at::Tensor& value) {
    return value.dim() == 4 ? value : value.view({value.size(0), value.size(1), 1, 1});
}

}  // namespace

PointBuffer::PointBuffer(const CudaLayout& its_layout, at::Device device)
    : layout(its_layout), bytes(at::zeros({its_layout.sections.end}, at::TensorOptions(at::kByte).device(device))) {}

gpu::FoldedPoint PointBuffer::pointers() const {
    auto* first = bytes.data_ptr<std::uint8_t>();
    const PointSections& at = layout.sections;
    const bool halves = layout.element == gpu::Element::bfloat16;
    return {first, reinterpret_cast<float*>(first + at.bias), halves ? reinterpret_cast<std::uint16_t*>(first + at.bias_bfloat16) : nullptr,
            reinterpret_cast<float*>(first + at.norm)};
}

at::Tensor PointBuffer::bias() const {
    return bytes.narrow(0, layout.sections.bias, 4 * layout.rows).view(at::kFloat);
}

at::Tensor PointBuffer::norm() const {
    return bytes.narrow(0, layout.sections.norm, 4 * layout.rows).view(at::kFloat);
}

CudaNetwork::CudaNetwork(const Plan& plan, const CudaLayout& layout, Precision precision, std::int64_t batch, at::Device device,
                         Queue& queue)
    : plan_(plan),
      layout_(layout),
      tf32_(precision == Precision::tf32),
      batch_(batch),
      queue_(queue),
      last_readers_(last_readers(plan)),
      measured_(measured_steps(plan)),
      point_(layout, device),
      layers_(plan.layers.size()),
      fused_(plan.steps.size(), false) {
    std::int64_t largest = 1;
    for (const Step& step : plan.steps) {
        if (step.layer >= 0) layers_[step.layer] = tensors_of(step.layer, step.kind);
        const std::int64_t channels = step.kind == StepKind::convolution ? step.output[0] : std::max(step.zeros[0], step.zeros[1]);
        largest = std::max(largest, channels * step.output[1] * step.output[2]);
    }
    zeros_ = at::zeros({batch * largest}, point_.bytes.options().dtype(type_of(layout.element)));
    find_fused();
}

CudaNetwork::LayerTensors CudaNetwork::tensors_of(int layer, StepKind kind) const {
    const gpu::FoldLayer& place = layout_.layers[layer];
    const std::int64_t count = std::int64_t{place.outputs} * place.window * place.padded_channels;
    const auto section = [&](std::int64_t first, std::int64_t values, gpu::Element element) {
        return point_.bytes.narrow(0, first, values * size_of(element)).view(type_of(element));
    };
    LayerTensors tensors;
    tensors.weight = section(place.weight_out, count, place.element);
    if (kind == StepKind::pointwise) {
        tensors.weight = tensors.weight.view({place.outputs});
    } else if (kind == StepKind::convolution) {
        const auto& shape = plan_.layers[layer].shape;
        tensors.weight = channels_last(tensors.weight, shape[0], place.padded_channels, shape[2], shape[3]);
    } else {
        tensors.weight = tensors.weight.view({place.outputs, -1});
    }
    const PointSections& at = layout_.sections;
    tensors.bias = section(at.bias + 4 * place.row_out, place.outputs, gpu::Element::float32);
    const bool halves = layout_.element == gpu::Element::bfloat16;
    tensors.fused_bias = halves ? section(at.bias_bfloat16 + 2 * place.row_out, place.outputs, layout_.element) : tensors.bias;
    return tensors;
}

void CudaNetwork::run(const at::Tensor& images, const at::Tensor& logits, const at::Tensor& magnitudes) const {
    std::vector<at::Tensor> values(plan_.steps.size());
    std::size_t next = 0;
    for (int i = 0; i < static_cast<int>(plan_.steps.size()); ++i) {
        const Step& step = plan_.steps[i];
        Inputs inputs{.source = step.source == plan_input ? images : values[step.source]};
        for (const int value : step.others) inputs.others.push_back(values[value]);
        if (step.residual != no_value) inputs.residual = values[step.residual];
        values[i] = run_step(i, inputs, logits);
        if (next < measured_.size() && measured_[next] == i) {
            raise_to_magnitude(queue_, values[i], magnitudes.narrow(0, static_cast<std::int64_t>(next), 1));
            ++next;
        }
        for (const int read : values_read(step))
            if (read >= 0 && last_readers_[read] == i) values[read].reset();
    }
}

void CudaNetwork::finish_logits(const at::Tensor& logits) const {
    const Step& last = plan_.steps.back();
    if (last.layer >= 0) finish(logits, layers_[last.layer], {}, /*relu=*/false);
}

// What no library call has done to a layer's values, in place.
void CudaNetwork::finish(const at::Tensor& values, const LayerTensors& layer, const at::Tensor& residual, bool relu) const {
    join_channels(queue_, {values}, /*scale=*/{}, layer.bias, residual, relu, values);
}

at::Tensor CudaNetwork::run_step(int index, const Inputs& inputs, const at::Tensor& logits) const {
    switch (plan_.steps[index].kind) {
        case StepKind::convolution:
            return run_convolution(index, inputs);
        case StepKind::linear:
            return run_linear(index, inputs, logits);
        case StepKind::max_pool:
        case StepKind::avg_pool:
            return run_pool(index, inputs.source);
        case StepKind::pointwise:
            return run_pointwise(plan_.steps[index], inputs);
        case StepKind::image:
            return inputs.source.narrow(1, 0, plan_.input[0]).contiguous(at::MemoryFormat::ChannelsLast);
        case StepKind::flatten:
            return run_flatten(index, inputs.source, logits);
    }
    throw Error(ExitCode::internal, "a step of an unknown kind");
}

at::Tensor CudaNetwork::run_convolution(int index, const Inputs& inputs) const {
    const Step& step = plan_.steps[index];
    const LayerTensors& layer = layers_[step.layer];
    const at::Tensor source = as_image(inputs.source).to(layer.weight.scalar_type());
    const bool adds = inputs.residual.defined();
    if (fused_[static_cast<std::size_t>(index)])
        return convolution_add_relu(source, layer.weight, adds ? as_image(inputs.residual) : zeros(step), adds ? 1 : 0, layer.fused_bias,
                                    form_of(step));
    const at::Tensor values = convolution(source, layer.weight, form_of(step));
    if (!layout_.bias_elsewhere[static_cast<std::size_t>(index)]) finish(values, layer, inputs.residual, step.relu);
    return values;
}

at::Tensor CudaNetwork::run_linear(int index, const Inputs& inputs, const at::Tensor& logits) const {
    const Step& step = plan_.steps[index];
    const LayerTensors& layer = layers_[step.layer];
    const at::Tensor rows = as_rows(inputs.source).to(layer.weight.scalar_type());
    if (is_last(index)) {
        at::Tensor out = logits;
        return at::mm_out(out, rows, layer.weight.t());
    }
    const at::Tensor values = at::mm(rows, layer.weight.t());
    finish(values, layer, inputs.residual, step.relu);
    return values;
}

// Averages that only the logits are made of stay float32.
at::Tensor CudaNetwork::run_pool(int index, const at::Tensor& source) const {
    const Step& step = plan_.steps[index];
    const std::vector<std::int64_t> kernel{step.kernel, step.kernel}, stride{step.stride, step.stride}, padding{step.padding, step.padding};
    if (step.kind == StepKind::max_pool)
        return at::max_pool2d(as_image(source), kernel, stride, padding, /*dilation=*/{1, 1}, step.ceil_mode);
    const at::Tensor averages = at::avg_pool2d(as_image(source).to(at::kFloat), kernel, stride, padding);
    return is_last(index + 1) ? averages : averages.to(type_of(layout_.element));
}

at::Tensor CudaNetwork::run_pointwise(const Step& step, const Inputs& inputs) const {
    const auto [channels, height, width] = step.output;
    const at::Tensor out =
        channels_last(at::empty({batch_ * channels * height * width}, zeros_.options()), batch_, channels, height, width);
    std::vector<at::Tensor> parts;
    const auto add_zeros = [&](std::int64_t count) {
        if (count > 0) parts.push_back(channels_last(zeros_, batch_, count, height, width));
    };
    add_zeros(step.zeros[0]);
    parts.push_back(inputs.source);
    parts.insert(parts.end(), inputs.others.begin(), inputs.others.end());
    add_zeros(step.zeros[1]);
    const LayerTensors layer = step.layer >= 0 ? layers_[step.layer] : LayerTensors{};
    join_channels(queue_, parts, layer.weight, layer.bias, inputs.residual, step.relu, out);
    return out;
}

// In the order C, H, W, as flatten is defined.
at::Tensor CudaNetwork::run_flatten(int index, const at::Tensor& source, const at::Tensor& logits) const {
    const at::Tensor row = source.reshape({batch_, -1});
    return is_last(index) ? logits.copy_(row) : row.contiguous();
}

at::Tensor CudaNetwork::zeros(const Step& step) const {
    return channels_last(zeros_, batch_, step.output[0], step.output[1], step.output[2]);
}

// cuDNN fuses only what ends in a ReLU (ATen/native/cudnn/ConvShared.cpp).
bool CudaNetwork::is_fusable(int index) const {
    return plan_.steps[index].kind == StepKind::convolution && plan_.steps[index].relu;
}

// Tries a batch of zeros.
bool CudaNetwork::can_fuse(int index) const {
    const Step& step = plan_.steps[index];
    const gpu::FoldLayer& place = layout_.layers[step.layer];
    const LayerTensors& layer = layers_[step.layer];
    const at::Tensor source =
        channels_last(at::zeros({batch_ * place.padded_channels * step.groups * step.input[1] * step.input[2]}, zeros_.options()), batch_,
                      place.padded_channels * step.groups, step.input[1], step.input[2]);
    const double factor = step.residual == no_value ? 0 : 1;
    try {
        convolution_add_relu(source, layer.weight, zeros(step), factor, layer.fused_bias, form_of(step));
        return true;
    } catch (const c10::OutOfMemoryError&) {
        throw;
    } catch (const c10::Error&) {  // no such engine: two operations then
        return false;
    }
}

void CudaNetwork::find_fused() {
    queue_.wait_for_current();
    queue_.run([this] {
        for (int i = 0; i < static_cast<int>(plan_.steps.size()); ++i)
            if (is_fusable(i)) fused_[static_cast<std::size_t>(i)] = can_fuse(i);
    });
    queue_.marker()();
}

std::string CudaNetwork::describe() const {
    const auto is_convolution = [](const Step& step) { return step.kind == StepKind::convolution; };
    return cat(std::ranges::count(fused_, true), " of ", std::ranges::count_if(plan_.steps, is_convolution), " convolutions fused");
}

}  // namespace orograph::evaluate
