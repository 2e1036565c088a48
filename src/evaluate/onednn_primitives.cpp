#include "onednn_primitives.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <array>
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
bool pass_over_gemm(dnnl::convolution_forward::primitive_desc& description) {
    bool left = true;
    while (left && std::string_view(description.impl_info_str()).find("gemm:jit") != std::string_view::npos) left = description.next_impl();
    return left;
}

struct Geometry {
    Dims weights, stride, padding;
};

// None where the library has nothing for this.
std::optional<Primitive> find_convolution(const Setting& setting, const Step& step, const Geometry& geometry, const Desc& source,
                                          const Desc& destination) {
    const Desc bias({destination.dims()[1]}, Type::f32, Tag::x);
    const dnnl::convolution_forward::desc operation(prop_kind::forward_inference, algorithm::convolution_direct, source,
                                                    any_format(geometry.weights, setting.type), bias, destination, geometry.stride,
                                                    geometry.padding, geometry.padding);
    dnnl::convolution_forward::primitive_desc description(operation, fused(step), setting.engine);
    if (!pass_over_gemm(description)) return std::nullopt;
    return Primitive{dnnl::convolution_forward(description),
                     description.src_desc(),
                     description.weights_desc(),
                     description.dst_desc(),
                     description.scratchpad_desc(),
                     {},
                     description.impl_info_str()};
}

void append(std::vector<Reorder>& reorders, std::optional<Reorder> reorder) {
    if (reorder) reorders.push_back(std::move(*reorder));
}

std::int64_t filled(std::int64_t channels, int lanes) {
    return (channels + lanes - 1) / lanes * lanes;
}

Tag grouped_tag(const Setting& setting) {
    return setting.lanes == 16 ? Tag::nChw16c : Tag::nChw8c;
}

// In which format a convolution reads: that of the value, one that the library prefers, or the value's, but with the zeros that fill up the
// last group counted as channels like others.
enum class Format { of_value, of_library, filled };

// How a convolution is put to the library. frame: the images lie in a frame of zeros, in place of padding.
struct Form {
    Format format = Format::of_value;
    bool frame = false;
};

// In the order in which they are tried. Few channels cost the library less in a format of its own, where they are not filled up.
constexpr std::array<Form, 5> forms{Form{}, {Format::of_library}, {Format::of_library, true}, {Format::filled}, {Format::filled, true}};

// The number of groups of the library's weights, for groups of more than one channel: its kernels take multiples of `lanes`; narrower
// groups are joined, with zeros between them.
std::int64_t library_groups(const Setting& setting, const Step& step) {
    const std::int64_t groups = step.groups, inputs = step.input[0] / groups, outputs = step.output[0] / groups;
    for (std::int64_t joined = 1; joined < groups; ++joined)
        if (groups % joined == 0 && inputs * joined % setting.lanes == 0 && outputs * joined % setting.lanes == 0) return groups / joined;
    return 1;
}

Dims weight_dims(const Setting& setting, const Step& step, std::int64_t inputs, std::int64_t outputs) {
    if (step.groups > 1 && step.input[0] == step.groups && step.output[0] == step.groups) return {outputs, 1, 1, step.kernel, step.kernel};
    const std::int64_t groups = library_groups(setting, step);
    if (groups == 1) return {outputs, inputs, step.kernel, step.kernel};
    return {groups, outputs / groups, inputs / groups, step.kernel, step.kernel};
}

// The value as a tensor in groups of channels, and as one with the zeros that fill up the last group.
Desc grouped_format(const Setting& setting, const Dims& dims) {
    return Desc(dims, setting.type, grouped_tag(setting));
}
Desc with_filled_channels(const Setting& setting, Dims dims) {
    dims[1] = filled(dims[1], setting.lanes);
    return grouped_format(setting, dims);
}

// The reorders that bring `value` to where the convolution reads: into groups, as a whole or into the middle of a frame.
std::vector<Reorder> reorders_into(const Setting& setting, const Desc& value, const Desc& source, const Form& form, std::int64_t padding) {
    std::vector<Reorder> reorders;
    Desc from = value, to = source;
    if (form.format == Format::filled) {
        append(reorders, reorder_if_different(value, grouped_format(setting, value.dims()), setting.engine));
        from = with_filled_channels(setting, value.dims());
    }
    if (form.frame) to = source.submemory_desc(from.dims(), {0, 0, padding, padding});
    append(reorders, reorder_if_different(from, to, setting.engine));
    if (form.frame) reorders.back().frame_bytes = source.get_size();
    return reorders;
}

std::optional<Primitive> find_convolution(const Setting& setting, const Step& step, const Desc& value, const Desc& result,
                                          const Form& form) {
    const bool fill = form.format == Format::filled;
    const std::int64_t frame = form.frame ? step.padding : 0, padding = step.padding - frame;
    const Desc made = fill ? with_filled_channels(setting, result.dims()) : result;
    Dims dims = fill ? with_filled_channels(setting, value.dims()).dims() : value.dims();
    dims[2] += 2 * frame;
    dims[3] += 2 * frame;
    const Geometry geometry{.weights = weight_dims(setting, step, dims[1], made.dims()[1]),
                            .stride = {step.stride, step.stride},
                            .padding = {padding, padding}};
    const Desc source = fill ? grouped_format(setting, dims) : form.format == Format::of_library ? any_format(dims, setting.type) : value;
    auto primitive = find_convolution(setting, step, geometry, source, made);
    if (!primitive) return std::nullopt;
    primitive->reorders = reorders_into(setting, value, primitive->source, form, frame);
    return primitive;
}

// The first form for which the library has a kernel. Those for a value as it lies want a whole vector of channels, all want padding that is
// small beside image and window. Where there is none (only in a test, which lays out a network for a wider CPU) the library's plain loop.
Primitive make_image_convolution(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value) {
    const Step& step = plan.steps[index];
    const Desc result = format_of(setting, plan, index, images);
    const Format usual = step.source == plan_input ? Format::of_library : Format::of_value;
    std::optional<Primitive> slow;
    for (const Form& form : forms) {
        if (form.format < usual || (form.frame && step.padding == 0)) continue;
        auto found = find_convolution(setting, step, value, result, form);
        if (!found) continue;
        found->adapted = form.frame || form.format != usual;
        if (!is_plain_loop(found->implementation)) return *found;
        if (!slow) slow = found;
    }
    OROGRAPH_VALIDATE(slow, ExitCode::internal, "oneDNN has no convolution for layer '", plan.layers[step.layer].name,
                      "'; use evaluate.evaluator=reference");
    return *slow;
}

// Rows [images, length] in C order, as a tensor [1, length, 1, images]; where they are filled up, as images of a single pixel.
Desc rows(const Setting& setting, std::int64_t images, std::int64_t length, Type type) {
    if (setting.filled_rows) return Desc({images, filled(length, setting.lanes), 1, 1}, type, grouped_tag(setting));
    return Desc({1, length, 1, images}, type, Tag::nhwc);
}

// What brings a value [images, C, H, W] into rows in the order C, H, W: nothing where it lies so.
std::vector<Reorder> reorders_into_rows(const Setting& setting, const Desc& value, Type type) {
    const Dims& dims = value.dims();
    const std::int64_t pixels = dims[2] * dims[3], length = dims[1] * pixels;
    const std::int64_t stride = setting.filled_rows ? filled(length, setting.lanes) : length;
    const Desc in_rows(dims, type, Dims{stride, pixels, dims[3], 1});
    const bool same_memory = value == in_rows || (pixels == 1 && value.get_size() == in_rows.get_size());
    if (same_memory && value.data_type() == type) return {};
    Reorder reorder = make_reorder(value, in_rows, setting.engine);
    if (stride > length) reorder.frame_bytes = rows(setting, dims[0], length, type).get_size();
    return {std::move(reorder)};
}

Primitive make_linear(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value) {
    const Step& step = plan.steps[index];
    const Layer& layer = plan.layers[step.layer];
    const Desc source = rows(setting, images, step.input[0] * step.input[1] * step.input[2], setting.type);
    const Desc result = rows(setting, images, layer.shape[0], format_of(setting, plan, index, images).data_type());
    const Geometry geometry{.weights = {result.dims()[1], source.dims()[1], 1, 1}, .stride = {1, 1}, .padding = {0, 0}};
    auto primitive = find_convolution(setting, step, geometry, source, result);
    OROGRAPH_VALIDATE(primitive, ExitCode::internal, "oneDNN has no product for layer '", layer.name,
                      "'; use evaluate.evaluator=reference");
    primitive->reorders = reorders_into_rows(setting, value, setting.type);
    return *primitive;
}

// Of the images into the format of all values.
Primitive make_copy(const Setting& setting, const Desc& from, const Desc& to) {
    const Reorder copy = make_reorder(from, to, setting.engine);
    return {copy.primitive, copy.from, {}, copy.to, copy.scratchpad, {}, copy.implementation};
}

// Of a value into rows.
Primitive make_flatten(const Setting& setting, const Desc& value, const Desc& format) {
    std::vector<Reorder> reorders = reorders_into_rows(setting, value, format.data_type());
    if (reorders.empty()) return make_copy(setting, value, value);
    if (reorders.front().frame_bytes == 0) return make_copy(setting, value, reorders.front().to);
    Primitive primitive = make_copy(setting, format, format);
    primitive.reorders = std::move(reorders);
    return primitive;
}

// Padding after the last row or column, with which ceil mode's window just fits.
std::int64_t padding_after(std::int64_t in, std::int64_t out, const Step& step) {
    return std::max<std::int64_t>(0, (out - 1) * step.stride + step.kernel - in - step.padding);
}

Primitive make_pool(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value) {
    const Step& step = plan.steps[index];
    const auto kind = step.kind == StepKind::max_pool ? algorithm::pooling_max : algorithm::pooling_avg_include_padding;
    const Dims stride{step.stride, step.stride}, kernel{step.kernel, step.kernel}, before{step.padding, step.padding};
    const Dims after{padding_after(step.input[1], step.output[1], step), padding_after(step.input[2], step.output[2], step)};
    const dnnl::pooling_forward::desc operation(prop_kind::forward_inference, kind, value, format_of(setting, plan, index, images), stride,
                                                kernel, before, after);
    const dnnl::pooling_forward::primitive_desc description(operation, user_scratchpad(), setting.engine);
    return {dnnl::pooling_forward(description), description.src_desc(), {}, description.dst_desc(), description.scratchpad_desc(), {},
            description.impl_info_str()};
}

// What a step without spatial order gives, and what is computed from that number by number.
bool is_row(const Plan& plan, const Step& step) {
    if (step.kind == StepKind::pointwise) return is_row(plan, plan.steps[step.source]);
    return step.kind == StepKind::linear || step.kind == StepKind::flatten;
}

}  // namespace

bool is_plain_loop(std::string_view implementation) {
    return implementation.starts_with("ref");
}

Desc format_of(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images) {
    const Step& step = plan.steps[index];
    const Type type = index + 1 == plan.steps.size() ? Type::f32 : setting.type;
    const bool padded = step.output[0] % setting.lanes != 0 && !setting.filled_rows;
    return Desc({images, step.output[0], step.output[1], step.output[2]}, type,
                padded && is_row(plan, step) ? Tag::nhwc : grouped_tag(setting));
}

Reorder make_reorder(const Desc& from, const Desc& to, const dnnl::engine& engine) {
    const dnnl::reorder::primitive_desc description(engine, from, engine, to, user_scratchpad());
    return {dnnl::reorder(description), from, to, description.scratchpad_desc(), description.impl_info_str()};
}

std::optional<Reorder> reorder_if_different(const Desc& from, const Desc& to, const dnnl::engine& engine) {
    if (from == to) return std::nullopt;
    return make_reorder(from, to, engine);
}

Primitive make_primitive(const Setting& setting, const Plan& plan, std::size_t index, std::int64_t images, const Desc& value) {
    switch (plan.steps[index].kind) {
        case StepKind::convolution:
            return make_image_convolution(setting, plan, index, images, value);
        case StepKind::linear:
            return make_linear(setting, plan, index, images, value);
        case StepKind::max_pool:
        case StepKind::avg_pool:
            return make_pool(setting, plan, index, images, value);
        case StepKind::image:
            return make_copy(setting, value, format_of(setting, plan, index, images));
        case StepKind::flatten:
            return make_flatten(setting, value, format_of(setting, plan, index, images));
        case StepKind::pointwise:
            break;
    }
    throw Error(ExitCode::internal, "a pointwise step has no primitive of the library");
}

}  // namespace orograph::evaluate::onednn
