#include "cuda_layout.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

constexpr std::int64_t alignment_bytes = 256;  // cudaMalloc's; cuDNN chooses other kernels below 16

std::int64_t aligned(std::int64_t bytes) {
    return (bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
}

// Images as convolutions want them: pixels of 16 bytes. A linear layer would only read zeros, and groups cannot be padded at the end.
std::int64_t padded_image_channels(const Plan& plan, gpu::Element element) {
    const auto needs_none = [](const Step& step) {
        return step.source == plan_input && (step.kind == StepKind::linear || step.groups > 1);
    };
    const auto wants = [](const Step& step) { return step.source == plan_input && step.kind == StepKind::convolution; };
    if (std::ranges::any_of(plan.steps, needs_none) || std::ranges::none_of(plan.steps, wants)) return plan.input[0];
    const std::int64_t unit = 16 / size_of(element);
    return (plan.input[0] + unit - 1) / unit * unit;
}

// Whether step `index` is a convolution without ReLU whose value is only added, once, to another layer's: a projection.
bool is_only_added(const Plan& plan, int index) {
    const Step& step = plan.steps[index];
    if (step.kind != StepKind::convolution || step.relu || step.residual != no_value) return false;
    int readers = 0, added = 0;
    for (const Step& other : plan.steps) {
        readers += static_cast<int>(std::ranges::count(values_read(other), index));
        added += other.residual == index && other.layer >= 0 ? 1 : 0;
    }
    return readers == 1 && added == 1;
}

gpu::FoldLayer fold_layer_of(const Layer& layer, const model::ParameterSpace& space) {
    const auto offset = [](const std::vector<model::TensorSpec>& specs, int index) {
        return index < 0 ? std::int64_t{-1} : specs[static_cast<std::size_t>(index)].offset;
    };
    gpu::FoldLayer result;
    result.weight = offset(space.parameters, layer.weight);
    result.bias = offset(space.parameters, layer.bias);
    result.gamma = offset(space.parameters, layer.gamma);
    result.beta = offset(space.parameters, layer.beta);
    result.mean = offset(space.states, layer.mean);
    result.variance = offset(space.states, layer.variance);
    result.epsilon = layer.epsilon;
    result.outputs = static_cast<std::int32_t>(layer.shape[0]);
    result.channels = result.padded_channels = static_cast<std::int32_t>(layer.shape[1]);
    result.window = static_cast<std::int32_t>(layer.shape[2] * layer.shape[3]);
    return result;
}

// Gives each layer its place.
void place(CudaLayout& layout) {
    std::int64_t bytes = 0;
    for (gpu::FoldLayer& layer : layout.layers) {
        layer.weight_out = bytes;
        bytes = aligned(bytes + std::int64_t{layer.outputs} * layer.window * layer.padded_channels * size_of(layer.element));
        layer.row_out = layout.rows;
        layout.rows += aligned(std::int64_t{layer.outputs} * 2) / 2;  // aligned in bfloat16 too
        layout.max_outputs = std::max(layout.max_outputs, layer.outputs);
    }
    const std::int64_t halves = layout.element == gpu::Element::bfloat16 ? layout.rows : 0;
    layout.sections.bias = bytes;
    layout.sections.norm = aligned(layout.sections.bias + 4 * layout.rows);
    layout.sections.bias_bfloat16 = aligned(layout.sections.norm + 4 * layout.rows);
    layout.sections.end = aligned(layout.sections.bias_bfloat16 + 2 * halves);
}

}  // namespace

CudaLayout make_layout(const Plan& plan, const model::ParameterSpace& space, Precision precision) {
    CudaLayout layout;
    layout.element = precision == Precision::bf16 ? gpu::Element::bfloat16 : gpu::Element::float32;
    layout.image_channels = padded_image_channels(plan, layout.element);
    for (const Layer& layer : plan.layers) layout.layers.push_back(fold_layer_of(layer, space));
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        const Step& step = plan.steps[i];
        layout.bias_elsewhere.push_back(is_only_added(plan, i));
        if (step.layer < 0) continue;
        gpu::FoldLayer& layer = layout.layers[step.layer];
        const bool stays_float32 = step.kind == StepKind::pointwise || i + 1 == static_cast<int>(plan.steps.size());
        layer.element = stays_float32 ? gpu::Element::float32 : layout.element;
        if (step.source == plan_input && step.groups == 1) layer.padded_channels = static_cast<std::int32_t>(layout.image_channels);
        if (step.residual >= 0 && layout.bias_elsewhere[step.residual]) layer.addend = plan.steps[step.residual].layer;
    }
    place(layout);
    return layout;
}

std::int64_t choose_batch(const Plan& plan, gpu::Element element) {
    std::int64_t largest_bytes = 1;
    for (const Step& step : plan.steps)
        largest_bytes = std::max(largest_bytes, step.output[0] * step.output[1] * step.output[2] * size_of(element));
    constexpr std::int64_t budget_bytes = std::int64_t{16} << 20;
    return budget_bytes / largest_bytes >= 512 ? 512 : 256;
}

}  // namespace orograph::evaluate
