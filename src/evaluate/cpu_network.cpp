#include "cpu_network.hpp"

#include "buffer_plan.hpp"
#include "onednn_primitives.hpp"
#include "winograd.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/losses.hpp"

#include <omp.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace orograph::evaluate {

using namespace onednn;

namespace {

using Arguments = std::unordered_map<int, memory>;

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

// Of bfloat16 numbers, whose exponent of ones means infinite or NaN.
bool all_finite(std::span<const std::uint16_t> values) {
    constexpr std::uint16_t exponent = 0x7f80;
    return std::ranges::none_of(values, [](std::uint16_t bits) { return (bits & exponent) == exponent; });
}

bool all_finite(const void* values, std::size_t size_bytes, Type type) {
    if (type == Type::bf16) return all_finite({static_cast<const std::uint16_t*>(values), size_bytes / sizeof(std::uint16_t)});
    return all_finite({static_cast<const float*>(values), size_bytes / sizeof(float)});
}

memory make_buffer(std::size_t size_bytes, const dnnl::engine& engine) {
    const auto count = static_cast<std::int64_t>((size_bytes + sizeof(float) - 1) / sizeof(float));
    memory buffer(Desc({std::max<std::int64_t>(count, 1)}, Type::f32, Tag::a), engine);
    std::fill_n(static_cast<float*>(buffer.get_data_handle()), buffer.get_desc().get_size() / sizeof(float), 0.F);
    return buffer;
}

float* floats_of(const memory& buffer) {
    return static_cast<float*>(buffer.get_data_handle());
}

const WinogradKernels* winograd_kernels(const CpuSetting& setting) {
    if (setting.precision != Precision::fp32) return nullptr;
    if (setting.instruction_set.starts_with("avx512")) return &winograd_avx512;
    return setting.instruction_set == "avx2" ? &winograd_avx2 : nullptr;
}

// Holds the library to the instruction set, so that a CPU with a wider one (AMX, say) gives the same digits. It can be told only before its
// first primitive, and every network of a process is told the same.
void limit_library(const std::string& instruction_set) {
    const auto limit = instruction_set == "avx2"          ? dnnl::cpu_isa::avx2
                       : instruction_set == "avx512"      ? dnnl::cpu_isa::avx512_core
                       : instruction_set == "avx512_bf16" ? dnnl::cpu_isa::avx512_core_bf16
                                                          : dnnl::cpu_isa::all;
    dnnl::set_max_cpu_isa(limit);
}

std::string library_version() {
    const dnnl_version_t* version = dnnl_version();
    return cat(version->major, ".", version->minor, ".", version->patch);
}

// A step, in one of two forms.
struct Kernel {
    Primitive primitive;  // of a Winograd step only the formats
    std::optional<WinogradShape> winograd;
    std::int64_t images = 0;      // a call
    std::size_t value_bytes = 0;  // of its result, an image
};

// The packed weights of a layer.
struct PackedLayer {
    Desc plain;  // the format of folded weights
    memory weight, bias;
    std::optional<Reorder> pack;  // none: they are copied, or Winograd's
    std::optional<WinogradShape> winograd;
    bool finite = false;
};

}  // namespace

struct CpuNetwork::State {
    Setting setting;
    Plan plan;
    CpuSetting wanted;
    const WinogradKernels* winograd;
    std::vector<Algorithm> algorithms;
    std::vector<Segment> segments;
    ImageLayout layout = ImageLayout::nchw;
    std::vector<Kernel> kernels;  // one a step
    std::vector<PackedLayer> layers;
    std::size_t scratchpad_bytes = 0;

    State(const Plan& plan, const CpuSetting& wanted)
        : plan(plan), wanted(wanted), winograd(winograd_kernels(wanted)), layers(plan.layers.size()) {
        const SingleThreaded guard;
        limit_library(wanted.instruction_set);
        setting.type = wanted.precision == Precision::bf16 ? Type::bf16 : Type::f32;
        setting.lanes = wanted.instruction_set.starts_with("avx512") ? 16 : 8;
        algorithms = choose_algorithms(plan, winograd ? winograd->lanes : 0, wanted.convolution);
        segments = make_segments(plan, algorithms, wanted.batch);
        choose_layout();
        for (const Segment& segment : segments)
            for (int i = segment.first; i < segment.last; ++i) add(static_cast<std::size_t>(i), segment.images);
    }

    Desc images(std::int64_t count, ImageLayout in) const {
        return Desc({count, plan.input[0], plan.input[1], plan.input[2]}, Type::f32, in == ImageLayout::nhwc ? Tag::nhwc : Tag::nchw);
    }

    // The one that the first step asks for; where that is neither, a reorder follows.
    void choose_layout() {
        const std::int64_t count = segments.front().images;
        const Primitive first = make_primitive(setting, plan, 0, count, images(count, ImageLayout::nchw), std::nullopt);
        if (first.source == images(count, ImageLayout::nhwc)) layout = ImageLayout::nhwc;
    }

    // The format of a value at `count` images.
    Desc value(int index, std::int64_t count) const {
        if (index == plan_input) return images(count, layout);
        const Step& step = plan.steps[static_cast<std::size_t>(index)];
        if (step.kind == StepKind::linear) return rows(count, step.output[0], setting.type);
        return activations(setting, count, step.output);
    }

    void add(std::size_t index, std::int64_t count) {
        const Step& step = plan.steps[index];
        const std::optional<Desc> residual = step.residual != no_value ? std::optional(value(step.residual, count)) : std::nullopt;
        Kernel kernel{.images = count};
        if (algorithms[index] == Algorithm::winograd)
            add_winograd(kernel, step);
        else
            kernel.primitive = make_primitive(setting, plan, index, count, value(step.source, count), residual);
        if (step.layer >= 0) layers[step.layer] = make_layer(step, kernel);
        kernel.value_bytes = kernel.primitive.destination.get_size() / static_cast<std::size_t>(count);
        if (!kernel.winograd) need_scratchpad(kernel.primitive.scratchpad.get_size());
        for (const Reorder& reorder : kernel.primitive.reorders) need_scratchpad(reorder.scratchpad.get_size());
        kernels.push_back(std::move(kernel));
    }

    void add_winograd(Kernel& kernel, const Step& step) {
        // Enough tiles for a weight read from the core's own cache; many where the weights come from memory.
        WinogradShape shape{kernel.images, step.input[0], step.output[0], step.input[1], step.input[2], 2 * winograd->rows};
        constexpr std::int64_t cached_floats = 2 << 20;
        if (winograd->weight_floats(shape) > cached_floats) shape.tiles = 16 * winograd->rows;
        kernel.winograd = shape;
        kernel.primitive.source = activations(setting, kernel.images, step.input);
        kernel.primitive.destination = activations(setting, kernel.images, step.output);
        const Desc from = value(step.source, kernel.images);
        if (auto reorder = reorder_if_different(from, kernel.primitive.source, setting.engine))
            kernel.primitive.reorders.push_back(std::move(*reorder));
        need_scratchpad(static_cast<std::size_t>(winograd->scratch_floats(shape)) * sizeof(float));
    }

    PackedLayer make_layer(const Step& step, const Kernel& kernel) const {
        const auto& shape = plan.layers[step.layer].shape;
        PackedLayer layer;
        layer.bias = memory(Desc({shape[0]}, Type::f32, Tag::x), setting.engine);
        layer.winograd = kernel.winograd;
        if (kernel.winograd) {
            layer.weight = memory(Desc({winograd->weight_floats(*kernel.winograd)}, Type::f32, Tag::a), setting.engine);
            return layer;
        }
        const Desc& weights = kernel.primitive.weights;
        layer.plain = Desc(weights.dims(), Type::f32, Tag::oihw);
        layer.weight = memory(weights, setting.engine);
        layer.pack = reorder_if_different(layer.plain, weights, setting.engine);
        return layer;
    }

    void need_scratchpad(std::size_t bytes) { scratchpad_bytes = std::max(scratchpad_bytes, bytes); }

    bool finite_weights() const {
        return std::ranges::all_of(layers, [](const PackedLayer& layer) { return layer.finite; });
    }
};

CpuNetwork::CpuNetwork(const Plan& plan, const CpuSetting& setting) : state_(std::make_unique<State>(plan, setting)) {}
CpuNetwork::~CpuNetwork() = default;

std::string CpuNetwork::identity() const {
    return cat("onednn-", library_version(), " ", state_->wanted.instruction_set, " ", state_->setting.type == Type::bf16 ? "bf16" : "fp32",
               ", ", describe(state_->plan, state_->algorithms));
}

ImageLayout CpuNetwork::image_layout() const {
    return state_->layout;
}

void CpuNetwork::load(std::size_t index, const FoldedLayer& folded) {
    PackedLayer& layer = state_->layers.at(index);
    layer.finite = all_finite(folded.weight) && all_finite(folded.bias);
    std::ranges::copy(folded.bias, floats_of(layer.bias));
    if (layer.winograd) {
        state_->winograd->pack(*layer.winograd, folded.weight.data(), floats_of(layer.weight));
    } else if (!layer.pack) {
        OROGRAPH_EXPECT(folded.weight.size() * sizeof(float) == layer.plain.get_size());
        std::ranges::copy(folded.weight, floats_of(layer.weight));
    } else {
        const SingleThreaded guard;
        dnnl::stream stream(state_->setting.engine);
        const memory plain(layer.plain, state_->setting.engine, const_cast<float*>(folded.weight.data()));  // read only
        const memory scratchpad(layer.pack->scratchpad, state_->setting.engine);
        layer.pack->primitive.execute(stream, {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, layer.weight}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
        stream.wait();
    }
}

struct CpuNetwork::Stream::State {
    // A call of the library or of a Winograd kernel for some images of the batch.
    struct Call {
        std::int64_t first_image = 0;
        const dnnl::primitive* primitive = nullptr;
        Arguments arguments;
        const void* checked = nullptr;  // where to look for infinities and NaN afterwards; null: nowhere (a reorder makes none)
        std::size_t checked_bytes = 0;
        const WinogradShape* shape = nullptr;  // of a Winograd call
        WinogradCall winograd;
    };

    // A view of the images, which run() sets.
    struct ImageView {
        memory view;
        std::int64_t first_image;
    };

    explicit State(const CpuNetwork::State& network)
        : network(network),
          stream(network.setting.engine),
          scratchpad(make_buffer(network.scratchpad_bytes, network.setting.engine)),
          buffer_plan(network.plan, network.segments, memory_of_steps(network), network.wanted.batch) {
        for (const std::size_t size : buffer_plan.size_bytes) buffers.push_back(make_buffer(size, network.setting.engine));
        for (const Segment& segment : network.segments)
            for (std::int64_t image = 0; image < network.wanted.batch; image += segment.images)
                for (int i = segment.first; i < segment.last; ++i) add_step(static_cast<std::size_t>(i), image);
        logits = floats_of(buffers[buffer_plan.values.back()]);
    }

    static std::vector<StepMemory> memory_of_steps(const CpuNetwork::State& network) {
        std::vector<StepMemory> result;
        for (const Kernel& kernel : network.kernels) {
            result.push_back({kernel.value_bytes, {}});
            const auto images = static_cast<std::size_t>(kernel.images);
            for (const Reorder& reorder : kernel.primitive.reorders) result.back().reordered.push_back(reorder.to.get_size() / images);
        }
        return result;
    }

    void add_step(std::size_t index, std::int64_t image) {
        const Step& step = network.plan.steps[index];
        const Kernel& kernel = network.kernels[index];
        void* source = step.source == plan_input ? nullptr : place(step.source, image);
        for (std::size_t k = 0; k < kernel.primitive.reorders.size(); ++k)
            source = add_reorder(kernel.primitive.reorders[k], source, buffers[buffer_plan.reordered[index][k]].get_data_handle(), image);
        void* const result = place(static_cast<int>(index), image);
        if (kernel.winograd)
            add_winograd(step, kernel, source, result, image);
        else
            add_primitive(step, kernel, source, result, image);
    }

    void add_primitive(const Step& step, const Kernel& kernel, void* source, void* result, std::int64_t image) {
        const Primitive& primitive = kernel.primitive;
        Arguments arguments{{DNNL_ARG_SRC, view(primitive.source, source, image)},
                            {DNNL_ARG_DST, view(primitive.destination, result, image)},
                            {DNNL_ARG_SCRATCHPAD, view(primitive.scratchpad, scratchpad.get_data_handle(), image)}};
        if (step.layer >= 0) {
            arguments.emplace(DNNL_ARG_WEIGHTS, network.layers[step.layer].weight);
            arguments.emplace(DNNL_ARG_BIAS, network.layers[step.layer].bias);
        }
        calls.push_back({image, &primitive.primitive, std::move(arguments), result, primitive.destination.get_size()});
    }

    void add_winograd(const Step& step, const Kernel& kernel, const void* source, void* result, std::int64_t image) {
        const PackedLayer& layer = network.layers[step.layer];
        Call call{.first_image = image, .shape = &*kernel.winograd};
        call.winograd = {.source = static_cast<const float*>(source),
                         .weights = floats_of(layer.weight),
                         .bias = floats_of(layer.bias),
                         .destination = static_cast<float*>(result),
                         .scratch = floats_of(scratchpad),
                         .accumulate = step.residual != no_value,
                         .relu = step.relu};
        calls.push_back(std::move(call));
    }

    // Returns where the result lies.
    void* add_reorder(const Reorder& reorder, void* source, void* result, std::int64_t image) {
        Arguments arguments{{DNNL_ARG_FROM, view(reorder.from, source, image)},
                            {DNNL_ARG_TO, view(reorder.to, result, image)},
                            {DNNL_ARG_SCRATCHPAD, view(reorder.scratchpad, scratchpad.get_data_handle(), image)}};
        calls.push_back({image, &reorder.primitive, std::move(arguments)});
        return result;
    }

    // Where the part of a value that begins with `image` lies.
    void* place(int value, std::int64_t image) const {
        const int buffer = buffer_plan.values[value];
        const std::size_t offset = buffer_plan.whole[buffer] ? network.kernels[value].value_bytes * static_cast<std::size_t>(image) : 0;
        return static_cast<char*>(buffers[buffer].get_data_handle()) + offset;
    }

    // data: null for the images.
    memory view(const Desc& desc, void* data, std::int64_t image) {
        memory result(desc, network.setting.engine, data);
        if (!data) images.push_back({result, image});
        return result;
    }

    void set_images(const float* first) {
        const auto& shape = network.plan.input;
        for (ImageView& part : images)
            part.view.set_data_handle(const_cast<float*>(first + part.first_image * shape[0] * shape[1] * shape[2]));  // read only
    }

    // Whether the results are finite.
    bool execute(const Call& call) const {
        if (call.shape) return network.winograd->run(*call.shape, call.winograd);
        call.primitive->execute(stream, call.arguments);
        return !call.checked || all_finite(call.checked, call.checked_bytes, call.checked == logits ? Type::f32 : network.setting.type);
    }

    const CpuNetwork::State& network;
    dnnl::stream stream;
    memory scratchpad;
    BufferPlan buffer_plan;
    std::vector<memory> buffers;
    std::vector<ImageView> images;
    const float* logits = nullptr;
    std::vector<Call> calls;
};

CpuNetwork::Stream::Stream(const CpuNetwork& network) : state_(std::make_unique<State>(*network.state_)) {}
CpuNetwork::Stream::~Stream() = default;
CpuNetwork::Stream::Stream(Stream&&) noexcept = default;

CpuNetwork::Result CpuNetwork::Stream::run(const float* images, std::int64_t count) {
    if (!state_->network.finite_weights()) return {.finite = false};
    state_->set_images(images);
    for (const State::Call& call : state_->calls)
        if (call.first_image < count && !state_->execute(call)) return {.finite = false};
    state_->stream.wait();
    return {.logits = state_->logits};
}

}  // namespace orograph::evaluate
