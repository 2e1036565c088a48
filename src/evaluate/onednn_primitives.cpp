#include "onednn_primitives.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace orograph::evaluate::onednn {

namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

// With a scratchpad that the caller brings, one primitive may run in several threads at once.
dnnl::primitive_attr user_scratchpad() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
}

dnnl::primitive_attr fused(const Step& step) {
    dnnl::post_ops after;
    if (step.residual != no_value) after.append_sum(1.F);
    if (step.relu) after.append_eltwise(1.F, algorithm::eltwise_relu, 0.F, 0.F);
    dnnl::primitive_attr attributes = user_scratchpad();
    attributes.set_post_ops(after);
    return attributes;
}

Desc any_format(const Dims& dims) {
    return Desc(dims, f32, Tag::any);
}

// Passes over the implementations that call oneDNN's own GEMM. It sets up its kernels through std::call_once, whose instantiation has the
// same name in the oneDNN inside libtorch_cpu.so and is exported there: in one process the system's oneDNN would set up LibTorch's kernels
// instead of its own, and fail.
dnnl::convolution_forward::primitive_desc without_gemm(dnnl::convolution_forward::primitive_desc description, const std::string& layer) {
    bool left = true;
    while (left && std::string_view(description.impl_info_str()).find("gemm:jit") != std::string_view::npos) left = description.next_impl();
    OROGRAPH_VALIDATE(left, ExitCode::internal, "oneDNN has no convolution for layer '", layer, "'; use evaluate.evaluator=reference");
    return description;
}

struct Geometry {
    Dims source, weights, destination, stride, padding;
};

Primitive make_convolution(const Step& step, const Layer& layer, const Geometry& geometry, const std::optional<Desc>& residual,
                           const dnnl::engine& engine) {
    const dnnl::convolution_forward::desc operation(
        prop_kind::forward_inference, algorithm::convolution_direct, any_format(geometry.source), any_format(geometry.weights),
        Desc({geometry.weights[0]}, f32, Tag::x), residual.value_or(any_format(geometry.destination)), geometry.stride, geometry.padding,
        geometry.padding);
    const auto description = without_gemm({operation, fused(step), engine}, layer.name);
    return {dnnl::convolution_forward(description),
            description.src_desc(),
            description.weights_desc(),
            description.dst_desc(),
            description.scratchpad_desc(),
            {}};
}

Geometry convolution_geometry(const Step& step, const Layer& layer, std::int64_t batch) {
    return {.source = {batch, step.input[0], step.input[1], step.input[2]},
            .weights = Dims(layer.shape.begin(), layer.shape.end()),
            .destination = {batch, step.output[0], step.output[1], step.output[2]},
            .stride = {step.stride, step.stride},
            .padding = {step.padding, step.padding}};
}

std::int64_t row_length(const Step& step) {
    return step.input[0] * step.input[1] * step.input[2];
}

Geometry linear_geometry(const Step& step, const Layer& layer, std::int64_t batch) {
    return {.source = {1, row_length(step), 1, batch},
            .weights = {layer.shape[0], row_length(step), 1, 1},
            .destination = {1, layer.shape[0], 1, batch},
            .stride = {1, 1},
            .padding = {0, 0}};
}

// Padding after the last row or column, with which ceil mode's window just fits.
std::int64_t padding_after(std::int64_t in, std::int64_t out, const Step& step) {
    return std::max<std::int64_t>(0, (out - 1) * step.stride + step.kernel - in - step.padding);
}

Primitive make_pool(const Step& step, std::int64_t batch, const Desc& value, const dnnl::engine& engine) {
    const auto kind = step.kind == StepKind::max_pool ? algorithm::pooling_max : algorithm::pooling_avg_include_padding;
    const Dims output{batch, step.output[0], step.output[1], step.output[2]};
    const Dims stride{step.stride, step.stride}, kernel{step.kernel, step.kernel}, before{step.padding, step.padding};
    const Dims after{padding_after(step.input[1], step.output[1], step), padding_after(step.input[2], step.output[2], step)};
    const dnnl::pooling_forward::desc operation(prop_kind::forward_inference, kind, value, any_format(output), stride, kernel, before,
                                                after);
    const dnnl::pooling_forward::primitive_desc description(operation, user_scratchpad(), engine);
    return {dnnl::pooling_forward(description), description.src_desc(), {}, description.dst_desc(), description.scratchpad_desc(), {}};
}

void append(std::vector<Reorder>& reorders, std::optional<Reorder> reorder) {
    if (reorder) reorders.push_back(std::move(*reorder));
}

// From the value to the format that a linear layer reads: an image value first becomes rows.
std::vector<Reorder> linear_reorders(const Plan& plan, const Step& step, std::int64_t batch, const Desc& value, const Desc& source,
                                     const dnnl::engine& engine) {
    std::vector<Reorder> reorders;
    const bool is_linear = step.source != plan_input && plan.steps[step.source].kind == StepKind::linear;
    if (!is_linear) append(reorders, reorder_if_different(value, Desc(value.dims(), f32, Tag::nchw), engine));
    append(reorders, reorder_if_different(is_linear ? value : rows(batch, row_length(step)), source, engine));
    return reorders;
}

}  // namespace

std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine) {
    if (from == to) return std::nullopt;
    const dnnl::reorder::primitive_desc description(engine, from, engine, to, user_scratchpad());
    return Reorder{dnnl::reorder(description), from, to, description.scratchpad_desc()};
}

Primitive make_primitive(const Plan& plan, const Step& step, std::int64_t batch, const Desc& value, const std::optional<Desc>& residual,
                         const dnnl::engine& engine) {
    if (step.layer < 0) return make_pool(step, batch, value, engine);
    const Layer& layer = plan.layers[step.layer];
    if (step.kind == StepKind::linear) {
        Primitive primitive = make_convolution(step, layer, linear_geometry(step, layer, batch), residual, engine);
        primitive.reorders = linear_reorders(plan, step, batch, value, primitive.source, engine);
        return primitive;
    }
    Primitive primitive = make_convolution(step, layer, convolution_geometry(step, layer, batch), residual, engine);
    append(primitive.reorders, reorder_if_different(value, primitive.source, engine));
    return primitive;
}

Desc rows(std::int64_t batch, std::int64_t length) {
    return Desc({1, length, 1, batch}, f32, Tag::nhwc);
}

}  // namespace orograph::evaluate::onednn
