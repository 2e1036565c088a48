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

Desc any_format(const Dims& dims, Type type) {
    return Desc(dims, type, Tag::any);
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
    Dims weights, stride, padding;
};

Primitive make_convolution(const Setting& setting, const Step& step, const Layer& layer, const Geometry& geometry, const Desc& source,
                           const Desc& destination) {
    const dnnl::convolution_forward::desc operation(
        prop_kind::forward_inference, algorithm::convolution_direct, source, any_format(geometry.weights, setting.type),
        Desc({geometry.weights[0]}, Type::f32, Tag::x), destination, geometry.stride, geometry.padding, geometry.padding);
    const auto description = without_gemm({operation, fused(step), setting.engine}, layer.name);
    return {dnnl::convolution_forward(description),
            description.src_desc(),
            description.weights_desc(),
            description.dst_desc(),
            description.scratchpad_desc(),
            {}};
}

void append(std::vector<Reorder>& reorders, std::optional<Reorder> reorder) {
    if (reorder) reorders.push_back(std::move(*reorder));
}

Primitive make_image_convolution(const Setting& setting, const Step& step, const Layer& layer, std::int64_t images, const Desc& value,
                                 const std::optional<Desc>& residual) {
    const Geometry geometry{.weights = Dims(layer.shape.begin(), layer.shape.end()),
                            .stride = {step.stride, step.stride},
                            .padding = {step.padding, step.padding}};
    // The images themselves are few channels, for which the library has formats of its own.
    const Desc source = step.source == plan_input ? any_format(value.dims(), setting.type) : value;
    Primitive primitive =
        make_convolution(setting, step, layer, geometry, source, residual.value_or(activations(setting, images, step.output)));
    append(primitive.reorders, reorder_if_different(value, primitive.source, setting.engine));
    return primitive;
}

Primitive make_linear(const Setting& setting, const Step& step, const Layer& layer, std::int64_t images, const Desc& value,
                      const std::optional<Desc>& residual, Type result) {
    const std::int64_t length = step.input[0] * step.input[1] * step.input[2];
    const Geometry geometry{.weights = {layer.shape[0], length, 1, 1}, .stride = {1, 1}, .padding = {0, 0}};
    const Desc source = rows(images, length, setting.type);
    Primitive primitive = make_convolution(setting, step, layer, geometry, source, residual.value_or(rows(images, layer.shape[0], result)));
    // An image value in the order C, H, W is the same memory as rows.
    if (value != source)
        append(primitive.reorders, reorder_if_different(value, Desc(value.dims(), setting.type, Tag::nchw), setting.engine));
    return primitive;
}

// Padding after the last row or column, with which ceil mode's window just fits.
std::int64_t padding_after(std::int64_t in, std::int64_t out, const Step& step) {
    return std::max<std::int64_t>(0, (out - 1) * step.stride + step.kernel - in - step.padding);
}

Primitive make_pool(const Setting& setting, const Step& step, std::int64_t images, const Desc& value) {
    const auto kind = step.kind == StepKind::max_pool ? algorithm::pooling_max : algorithm::pooling_avg_include_padding;
    const Dims stride{step.stride, step.stride}, kernel{step.kernel, step.kernel}, before{step.padding, step.padding};
    const Dims after{padding_after(step.input[1], step.output[1], step), padding_after(step.input[2], step.output[2], step)};
    const dnnl::pooling_forward::desc operation(prop_kind::forward_inference, kind, value, activations(setting, images, step.output),
                                                stride, kernel, before, after);
    const dnnl::pooling_forward::primitive_desc description(operation, user_scratchpad(), setting.engine);
    return {dnnl::pooling_forward(description), description.src_desc(), {}, description.dst_desc(), description.scratchpad_desc(), {}};
}

}  // namespace

Desc activations(const Setting& setting, std::int64_t images, const std::array<std::int64_t, 3>& shape) {
    const Tag grouped = setting.lanes == 16 ? Tag::nChw16c : Tag::nChw8c;
    return Desc({images, shape[0], shape[1], shape[2]}, setting.type, shape[0] % setting.lanes == 0 ? grouped : Tag::nhwc);
}

Desc rows(std::int64_t images, std::int64_t length, Type type) {
    return Desc({1, length, 1, images}, type, Tag::nhwc);
}

std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine) {
    if (from == to) return std::nullopt;
    const dnnl::reorder::primitive_desc description(engine, from, engine, to, user_scratchpad());
    return Reorder{dnnl::reorder(description), from, to, description.scratchpad_desc()};
}

Primitive make_primitive(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value,
                         const std::optional<Desc>& residual) {
    const Step& step = plan.steps[index];
    if (step.layer < 0) return make_pool(setting, step, images, value);
    const Layer& layer = plan.layers[step.layer];
    if (step.kind == StepKind::convolution) return make_image_convolution(setting, step, layer, images, value, residual);
    return make_linear(setting, step, layer, images, value, residual, index + 1 == plan.steps.size() ? Type::f32 : setting.type);
}

}  // namespace orograph::evaluate::onednn
