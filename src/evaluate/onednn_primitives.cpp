#include "onednn_primitives.hpp"

#include <algorithm>

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

Primitive make_convolution(const Step& step, const Layer& layer, const Desc& value, const std::optional<Desc>& residual,
                           const dnnl::engine& engine) {
    const Dims output{value.dims()[0], step.output[0], step.output[1], step.output[2]};
    const Dims weights(layer.shape.begin(), layer.shape.end());
    const Dims stride{step.stride, step.stride}, padding{step.padding, step.padding};
    const dnnl::convolution_forward::desc operation(prop_kind::forward_inference, algorithm::convolution_direct, any_format(value.dims()),
                                                    any_format(weights), Desc({weights[0]}, f32, Tag::x),
                                                    residual.value_or(any_format(output)), stride, padding, padding);
    const dnnl::convolution_forward::primitive_desc description(operation, fused(step), engine);
    return {dnnl::convolution_forward(description),
            description.src_desc(),
            description.weights_desc(),
            description.dst_desc(),
            description.scratchpad_desc(),
            {}};
}

// A value that still has height and width is read as one row: oneDNN takes such a source as it is.
Primitive make_linear(const Step& step, const Layer& layer, const Desc& value, const std::optional<Desc>& residual,
                      const dnnl::engine& engine) {
    Dims weights = value.dims();
    weights[0] = layer.shape[0];
    const Desc output({value.dims()[0], step.output[0]}, f32, Tag::ab);
    const dnnl::inner_product_forward::desc operation(prop_kind::forward_inference, any_format(value.dims()), any_format(weights),
                                                      Desc({weights[0]}, f32, Tag::x), residual.value_or(output));
    const dnnl::inner_product_forward::primitive_desc description(operation, fused(step), engine);
    return {dnnl::inner_product_forward(description),
            description.src_desc(),
            description.weights_desc(),
            description.dst_desc(),
            description.scratchpad_desc(),
            {}};
}

// Padding after the last row or column, with which ceil mode's window just fits.
std::int64_t padding_after(std::int64_t in, std::int64_t out, const Step& step) {
    return std::max<std::int64_t>(0, (out - 1) * step.stride + step.kernel - in - step.padding);
}

Primitive make_pool(const Step& step, const Desc& value, const dnnl::engine& engine) {
    const auto kind = step.kind == StepKind::max_pool ? algorithm::pooling_max : algorithm::pooling_avg_include_padding;
    const Dims output{value.dims()[0], step.output[0], step.output[1], step.output[2]};
    const Dims stride{step.stride, step.stride}, kernel{step.kernel, step.kernel}, before{step.padding, step.padding};
    const Dims after{padding_after(step.input[1], step.output[1], step), padding_after(step.input[2], step.output[2], step)};
    const dnnl::pooling_forward::desc operation(prop_kind::forward_inference, kind, value, any_format(output), stride, kernel, before,
                                                after);
    const dnnl::pooling_forward::primitive_desc description(operation, user_scratchpad(), engine);
    return {dnnl::pooling_forward(description), description.src_desc(), {}, description.dst_desc(), description.scratchpad_desc(), {}};
}

}  // namespace

std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine) {
    if (from == to) return std::nullopt;
    const dnnl::reorder::primitive_desc description(engine, from, engine, to, user_scratchpad());
    return Reorder{dnnl::reorder(description), to, description.scratchpad_desc()};
}

Primitive make_primitive(const Plan& plan, const Step& step, const Desc& value, const std::optional<Desc>& residual,
                         const dnnl::engine& engine) {
    switch (step.kind) {
        case StepKind::convolution:
            return make_convolution(step, plan.layers[step.layer], value, residual, engine);
        case StepKind::linear:
            return make_linear(step, plan.layers[step.layer], value, residual, engine);
        default:
            return make_pool(step, value, engine);
    }
}

}  // namespace orograph::evaluate::onednn
