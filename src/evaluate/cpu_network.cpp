#include "cpu_state.hpp"
#include "interleave.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/losses.hpp"

#include <omp.h>

#include <algorithm>

namespace orograph::evaluate {

using namespace onednn;

namespace {

// Primitives are laid out for the number of OpenMP threads at their creation.
class SingleThreaded {
public:
    SingleThreaded() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
    ~SingleThreaded() { omp_set_num_threads(before_); }
    SingleThreaded(const SingleThreaded&) = delete;
    SingleThreaded& operator=(const SingleThreaded&) = delete;

private:
    int before_;
};

bool all_finite(std::span<const float> values) {
    return gpu::all_finite_cpu(values.data(), values.size());
}

const WinogradKernels* winograd_kernels(const CpuSetting& setting) {
    if (setting.precision == Precision::bf16) return &winograd_avx512_bf16;
    if (setting.instruction_set.starts_with("avx512")) return &winograd_avx512;
    return setting.instruction_set == "avx2" ? &winograd_avx2 : nullptr;
}

const PointwiseKernel* pointwise_kernel(const std::string& instruction_set) {
    if (instruction_set.starts_with("avx512")) return &pointwise_avx512;
    return instruction_set == "avx2" ? &pointwise_avx2 : &pointwise_sse2;
}

// Holds the library to the instruction set, so that a CPU with a wider one (AMX, say) gives the same digits. It can be told only before its
// first primitive, and every network of a process is told the same.
void limit_library(const std::string& instruction_set) {
    const auto limit = instruction_set == "sse41"         ? dnnl::cpu_isa::sse41
                       : instruction_set == "avx2"        ? dnnl::cpu_isa::avx2
                       : instruction_set == "avx512"      ? dnnl::cpu_isa::avx512_core
                       : instruction_set == "avx512_bf16" ? dnnl::cpu_isa::avx512_core_bf16
                                                          : dnnl::cpu_isa::all;
    dnnl::set_max_cpu_isa(limit);
}

std::string library_version() {
    const dnnl_version_t* version = dnnl_version();
    return cat(version->major, ".", version->minor, ".", version->patch);
}

// Filters [outputs, inputs of a group, window] of `groups` groups as the library's weights, [groups, outputs, inputs, window] or without
// groups, of which each group holds one or several of ours, or more channels than there are: zeros for the inputs of others. A linear
// layer's inputs are a row, and its window a single number.
std::vector<float> spread(const std::vector<float>& filters, const std::array<std::int64_t, 4>& shape, std::int64_t groups,
                          const Dims& weights) {
    const std::size_t at = weights.size() - 4;  // of the outputs
    const std::int64_t outputs = weights[at], inputs = weights[at + 1], window = weights[at + 2] * weights[at + 3];
    const std::int64_t row = shape[1] * shape[2] * shape[3], all_outputs = (at == 1 ? weights[0] : 1) * outputs;
    std::vector<float> result(static_cast<std::size_t>(all_outputs * inputs * window), 0.F);
    for (std::int64_t k = 0; k < shape[0]; ++k) {
        const std::int64_t first_input = k / (shape[0] / groups) * shape[1] - k / outputs * inputs;
        std::copy_n(filters.begin() + k * row, row, result.begin() + (k * inputs + first_input) * window);
    }
    return result;
}

// How many outputs lie together where weights [outputs, inputs, 1, 1] are packed as interleave() does; 0 where they are not.
std::int64_t interleaved_outputs(const Desc& weights) {
    const Dims& dims = weights.dims();
    if (dims.size() != 4 || dims[2] * dims[3] != 1 || weights.data_type() != Type::f32) return 0;
    const auto lies_as = [&](Tag tag) { return weights == Desc(dims, Type::f32, tag); };
    for (const auto& [tag, outputs] :
         {std::pair{Tag::Acdb64a, 64}, {Tag::Acdb48a, 48}, {Tag::Acdb32a, 32}, {Tag::Acdb16a, 16}, {Tag::Acdb8a, 8}})
        if (lies_as(tag)) return outputs;
    if (dims[1] % 16 == 0 && lies_as(Tag::OIhw16i16o)) return 16;
    return dims[1] % 8 == 0 && lies_as(Tag::OIhw8i8o) ? 8 : 0;
}

}  // namespace

memory make_buffer(std::size_t size_bytes, const dnnl::engine& engine) {
    const auto count = static_cast<std::int64_t>((size_bytes + sizeof(float) - 1) / sizeof(float));
    memory buffer(Desc({std::max<std::int64_t>(count, 1)}, Type::f32, Tag::a), engine);
    std::fill_n(floats_of(buffer), buffer.get_desc().get_size() / sizeof(float), 0.F);
    return buffer;
}

CpuNetwork::State::State(const Plan& plan, const CpuSetting& wanted)
    : plan(plan),
      wanted(wanted),
      winograd(winograd_kernels(wanted)),
      pointwise(pointwise_kernel(wanted.instruction_set)),
      layers(plan.layers.size()) {
    const SingleThreaded guard;
    limit_library(wanted.instruction_set);
    setting.type = wanted.precision == Precision::bf16 ? Type::bf16 : Type::f32;
    setting.lanes = pointwise->lanes;
    setting.filled_rows = wanted.instruction_set == "sse41";
    algorithms = choose_algorithms(plan, winograd ? winograd->lanes : 0, wanted.convolution);
    segments = make_segments(plan, algorithms, wanted.batch);
    choose_layout();
    for (const Segment& segment : segments)
        for (int i = segment.first; i < segment.last; ++i) add(static_cast<std::size_t>(i), segment.images);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) add_parts(layer);
    finite.assign(parts.size(), 0);
    make_zeros();
}

Desc CpuNetwork::State::image_format(std::int64_t count, ImageLayout in) const {
    return Desc({count, plan.input[0], plan.input[1], plan.input[2]}, Type::f32, in == ImageLayout::nhwc ? Tag::nhwc : Tag::nchw);
}

// The one that the first step asks for; where that is neither, a reorder follows.
void CpuNetwork::State::choose_layout() {
    const std::int64_t count = segments.front().images;
    const Primitive first = make_primitive(setting, plan, 0, count, image_format(count, ImageLayout::nchw));
    if (first.source == image_format(count, ImageLayout::nhwc)) layout = ImageLayout::nhwc;
}

Desc CpuNetwork::State::format_of(int value, std::int64_t count) const {
    if (value == plan_input) return image_format(count, layout);
    return onednn::format_of(setting, plan, static_cast<std::size_t>(value), count);
}

void CpuNetwork::State::add(std::size_t index, std::int64_t count) {
    const Step& step = plan.steps[index];
    const Desc source = format_of(step.source, count);
    Kernel kernel{.images = count};
    if (algorithms[index] == Algorithm::winograd)
        add_winograd(kernel, step, source);
    else if (step.kind != StepKind::pointwise)
        kernel.primitive = make_primitive(setting, plan, index, count, source);
    if (kernel.primitive.adapted) algorithms[index] = Algorithm::adapted;
    const Desc result = format_of(static_cast<int>(index), count);
    kernel.value_bytes = result.get_size() / static_cast<std::size_t>(count);
    if (step.residual != no_value) add_residual(kernel, index);
    if (step.layer >= 0) layers[step.layer] = make_layer(step, kernel);
    if (kernel.primitive.primitive) need_scratchpad(kernel.primitive.scratchpad.get_size());
    for (const Reorder& reorder : kernel.primitive.reorders) need_scratchpad(reorder.scratchpad.get_size());
    if (kernel.residual) need_scratchpad(kernel.residual->scratchpad.get_size());
    kernels.push_back(std::move(kernel));
}

void CpuNetwork::State::add_winograd(Kernel& kernel, const Step& step, const Desc& source) {
    // Enough tiles for a weight read from the core's own cache; many where the weights come from memory.
    WinogradShape shape{kernel.images, step.input[0], step.output[0], step.input[1], step.input[2], 2 * winograd->rows};
    constexpr std::int64_t cached_bytes = 8 << 20;
    if (winograd->weight_bytes(shape) > cached_bytes) shape.tiles = 16 * winograd->rows;
    kernel.winograd = shape;
    const Tag grouped = winograd->lanes == 16 ? Tag::nChw16c : Tag::nChw8c;
    kernel.primitive.source = Desc(source.dims(), setting.type, grouped);
    if (auto reorder = reorder_if_different(source, kernel.primitive.source, setting.engine))
        kernel.primitive.reorders.push_back(std::move(*reorder));
    need_scratchpad(static_cast<std::size_t>(winograd->scratch_bytes(shape)));
}

void CpuNetwork::State::add_residual(Kernel& kernel, std::size_t index) {
    const int residual = plan.steps[index].residual;
    const Desc from = format_of(residual, kernel.images), to = format_of(static_cast<int>(index), kernel.images);
    kernel.replaces_residual = replaceable_residuals(plan)[index] && from == to;
    if (!kernel.replaces_residual && plan.steps[index].kind != StepKind::pointwise)
        kernel.residual = make_reorder(from, to, setting.engine);
}

PackedLayer CpuNetwork::State::make_layer(const Step& step, const Kernel& kernel) const {
    const auto& shape = plan.layers[step.layer].shape;
    const auto floats = static_cast<std::int64_t>(sizeof(float));
    PackedLayer layer;
    layer.winograd = kernel.winograd;
    if (kernel.winograd || step.kind == StepKind::pointwise) {
        const std::int64_t count = kernel.winograd ? winograd->weight_bytes(*kernel.winograd) / floats : shape[0];
        layer.plain = Desc({count}, Type::f32, Tag::a);
        layer.bias = make_buffer(static_cast<std::size_t>(shape[0] * floats), setting.engine);
        layer.weight = memory(layer.plain, setting.engine);
        return layer;
    }
    const Desc& weights = kernel.primitive.weights;
    layer.groups = step.groups;
    layer.plain = Desc(weights.dims(), Type::f32, weights.dims().size() == 5 ? Tag::goihw : Tag::oihw);
    layer.bias = make_buffer(static_cast<std::size_t>(kernel.primitive.destination.dims()[1] * floats), setting.engine);
    layer.weight = memory(weights, setting.engine);
    layer.interleaved = interleaved_outputs(weights);
    if (layer.interleaved == 0) layer.pack = reorder_if_different(layer.plain, weights, setting.engine);
    return layer;
}

// What the library packs it packs as a whole.
void CpuNetwork::State::add_parts(std::size_t layer) {
    constexpr std::int64_t worthwhile_floats = 1 << 15;
    const auto& shape = plan.layers[layer].shape;
    std::int64_t outputs = shape[0];
    if (layers[layer].winograd) {
        const std::int64_t panel = winograd->panel_outputs, floats = panel * shape[1] * 9;
        outputs = panel * ((worthwhile_floats + floats - 1) / floats);
    }
    if (const std::int64_t together = layers[layer].interleaved;
        together > 0 && layers[layer].plain.dims()[0] == shape[0] && layers[layer].plain.dims()[1] == shape[1] * shape[2] * shape[3]) {
        const std::int64_t floats = together * shape[1] * shape[2] * shape[3];
        outputs = together * ((worthwhile_floats + floats - 1) / floats);
    }
    for (std::int64_t first = 0; first < shape[0]; first += outputs) parts.push_back({layer, first, std::min(first + outputs, shape[0])});
}

// Enough for the widest gap, in any image: a kernel reads the same ones again and again.
void CpuNetwork::State::make_zeros() {
    std::int64_t largest = 0;
    for (const Step& step : plan.steps) {
        const std::int64_t groups = (std::max(step.zeros[0], step.zeros[1]) + setting.lanes - 1) / setting.lanes;
        largest = std::max(largest, groups * setting.lanes * step.output[1] * step.output[2]);
    }
    if (largest > 0) zeros = make_buffer(static_cast<std::size_t>(largest) * sizeof(float), setting.engine);
}

void CpuNetwork::State::need_scratchpad(std::size_t bytes) {
    scratchpad_bytes = std::max(scratchpad_bytes, bytes);
}

bool CpuNetwork::State::finite_weights() const {
    return std::ranges::all_of(finite, [](char value) { return value != 0; });
}

CpuNetwork::CpuNetwork(const Plan& plan, const CpuSetting& setting) : state_(std::make_unique<State>(plan, setting)) {}
CpuNetwork::~CpuNetwork() = default;

std::string CpuNetwork::identity() const {
    return cat("onednn-", library_version(), " ", state_->wanted.instruction_set, " ", state_->setting.type == Type::bf16 ? "bf16" : "fp32",
               ", ", describe(state_->plan, state_->algorithms));
}

std::vector<std::string> CpuNetwork::implementations() const {
    std::vector<std::string> names;
    const std::vector<std::string> steps = describe(state_->plan);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const Kernel& kernel = state_->kernels[i];
        if (kernel.primitive.primitive) names.push_back(cat(steps[i], ": ", kernel.primitive.implementation));
        for (const Reorder& reorder : kernel.primitive.reorders) names.push_back(cat(steps[i], ", reorder: ", reorder.implementation));
        if (kernel.residual) names.push_back(cat(steps[i], ", residual: ", kernel.residual->implementation));
        const int layer = state_->plan.steps[i].layer;
        if (layer >= 0 && state_->layers[layer].pack)
            names.push_back(cat(steps[i], ", weights: ", state_->layers[layer].pack->implementation));
    }
    return names;
}

ImageLayout CpuNetwork::image_layout() const {
    return state_->layout;
}

const std::vector<LayerPart>& CpuNetwork::parts() const {
    return state_->parts;
}

void CpuNetwork::load(std::size_t index, const FoldedLayer& folded) {
    const LayerPart& part = state_->parts.at(index);
    PackedLayer& layer = state_->layers[part.layer];
    state_->finite[index] = all_finite(folded.weight) && all_finite(folded.bias);
    std::ranges::copy(folded.bias, floats_of(layer.bias) + part.first);
    if (layer.winograd) {
        state_->winograd->pack(*layer.winograd, folded.weight.data(), part.first, part.last, floats_of(layer.weight));
        return;
    }
    const Dims& shape = layer.plain.dims();
    const auto size = layer.plain.get_size() / sizeof(float) * static_cast<std::size_t>(part.last - part.first) /
                      static_cast<std::size_t>(state_->plan.layers[part.layer].shape[0]);
    std::vector<float> wider;
    const bool narrow = folded.weight.size() != size;
    if (narrow) wider = spread(folded.weight, state_->plan.layers[part.layer].shape, layer.groups, shape);
    const std::vector<float>& filters = narrow ? wider : folded.weight;
    if (layer.interleaved > 0) {
        const std::int64_t outputs = narrow ? shape[0] : part.last - part.first;
        return interleave(filters.data(), outputs, shape[1], layer.interleaved, floats_of(layer.weight) + part.first * shape[1]);
    }
    OROGRAPH_EXPECT(filters.size() * sizeof(float) == layer.plain.get_size());
    if (!layer.pack) {
        std::ranges::copy(filters, floats_of(layer.weight));
        return;
    }
    const SingleThreaded guard;
    dnnl::stream stream(state_->setting.engine);
    const memory plain(layer.plain, state_->setting.engine, const_cast<float*>(filters.data()));  // read only
    const memory scratchpad(layer.pack->scratchpad, state_->setting.engine);
    layer.pack->primitive.execute(stream, {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, layer.weight}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
    stream.wait();
}

}  // namespace orograph::evaluate
