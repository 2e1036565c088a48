#include "batch_norms.hpp"
#include "buffer_plan.hpp"
#include "cpu_state.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/losses.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

namespace orograph::evaluate {

using namespace onednn;

namespace {

using Arguments = std::unordered_map<int, memory>;

// Of bfloat16 numbers, whose exponent of ones means infinite or NaN.
bool all_finite(std::span<const std::uint16_t> values) {
    constexpr std::uint16_t exponent = 0x7f80;
    return std::ranges::none_of(values, [](std::uint16_t bits) { return (bits & exponent) == exponent; });
}

bool all_finite(const void* values, std::size_t size_bytes, Type type) {
    if (type == Type::bf16) return all_finite({static_cast<const std::uint16_t*>(values), size_bytes / sizeof(std::uint16_t)});
    return gpu::all_finite_cpu(static_cast<const float*>(values), size_bytes / sizeof(float));
}

// How many steps a run needs: all, or those before the last value that a batch norm normalises.
int steps_needed(const Plan& plan) {
    if (plan.statistics == Statistics::given) return static_cast<int>(plan.steps.size());
    const std::vector<bool> normalised = normalised_values(plan);
    return static_cast<int>(std::ranges::find(normalised.rbegin(), normalised.rend(), true).base() - normalised.begin());
}

}  // namespace

struct CpuNetwork::Stream::State {
    // A call of the library or of our kernels for some images of the batch, at most `images` from first_image on. The library computes all
    // of them even where only some are there; the rest, whatever they are, count nowhere.
    struct Call {
        std::int64_t first_image = 0, images = 0;
        std::function<bool(std::int64_t)> execute;  // of so many images; returns whether the results are finite
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
          norms(network.plan),
          buffer_plan(network.plan, network.segments, memory_of_steps(network), network.wanted.batch) {
        for (const std::size_t size : buffer_plan.size_bytes) buffers.push_back(make_buffer(size, network.setting.engine));
        const int needed = steps_needed(network.plan);
        for (const Segment& segment : network.segments) {
            const int last = std::min(segment.last, needed);
            for (int i = segment.first; i < last; ++i) add_scale(i);
            for (std::int64_t image = 0; image < network.wanted.batch; image += segment.images)
                for (int i = segment.first; i < last; ++i) {
                    add_step(static_cast<std::size_t>(i), image);
                    add_sums(i, image);
                }
        }
        logits = floats_of(buffers[buffer_plan.values.back()]);
    }

    // Takes the zeros behind each row away.
    void close_up_logits(std::int64_t count) {
        const std::int64_t classes = network.plan.classes;
        const auto stride = static_cast<std::int64_t>(network.kernels.back().value_bytes / sizeof(float));
        if (stride == classes) return;
        for (std::int64_t i = 1; i < count; ++i) std::copy_n(logits + i * stride, classes, logits + i * classes);
    }

    static std::vector<StepMemory> memory_of_steps(const CpuNetwork::State& network) {
        std::vector<StepMemory> result;
        for (const Kernel& kernel : network.kernels) {
            result.push_back({kernel.value_bytes, {}, kernel.replaces_residual});
            const auto images = static_cast<std::size_t>(kernel.images);
            for (const Reorder& reorder : kernel.primitive.reorders)
                result.back().reordered.push_back(std::max(reorder.to.get_size(), reorder.frame_bytes) / images);
        }
        return result;
    }

    void add_step(std::size_t index, std::int64_t image) {
        const Step& step = network.plan.steps[index];
        const Kernel& kernel = network.kernels[index];
        void* const result = place(static_cast<int>(index), image);
        if (step.kind == StepKind::pointwise) {
            add_pointwise(static_cast<int>(index), result, image);
            return;
        }
        void* source = step.source == plan_input ? nullptr : place(step.source, image);
        for (std::size_t k = 0; k < kernel.primitive.reorders.size(); ++k)
            source = add_reorder(kernel.primitive.reorders[k], source, buffers[buffer_plan.reordered[index][k]].get_data_handle(), image);
        if (kernel.residual) add_reorder(*kernel.residual, place(step.residual, image), result, image);
        if (kernel.winograd)
            add_winograd(step, kernel, source, result, image);
        else
            add_primitive(index, source, result, image);
    }

    void add_primitive(std::size_t index, void* source, void* result, std::int64_t image) {
        const Step& step = network.plan.steps[index];
        const Primitive& primitive = network.kernels[index].primitive;
        Arguments arguments{{DNNL_ARG_SRC, view(primitive.source, source, image)},
                            {DNNL_ARG_DST, view(primitive.destination, result, image)},
                            {DNNL_ARG_SCRATCHPAD, view(primitive.scratchpad, scratchpad.get_data_handle(), image)}};
        if (step.layer >= 0) {
            arguments.emplace(DNNL_ARG_WEIGHTS, network.layers[step.layer].weight);
            arguments.emplace(DNNL_ARG_BIAS, network.layers[step.layer].bias);
        }
        const auto image_bytes = network.kernels[index].value_bytes;
        const bool checked = !norms.normalise(static_cast<int>(index));  // else their sums are
        calls.push_back({image, network.kernels[index].images,
                         [this, &primitive, arguments = std::move(arguments), result, image_bytes, checked](std::int64_t count) {
                             primitive.primitive.execute(stream, arguments);
                             const auto bytes = image_bytes * static_cast<std::size_t>(count);
                             return !checked || all_finite(result, bytes, primitive.destination.data_type());
                         }});
    }

    void add_winograd(const Step& step, const Kernel& kernel, const void* source, void* result, std::int64_t image) {
        const PackedLayer& layer = network.layers[step.layer];
        const WinogradCall call{.source = source,
                                .weights = floats_of(layer.weight),
                                .bias = floats_of(layer.bias),
                                .destination = result,
                                .scratch = floats_of(scratchpad),
                                .accumulate = step.residual != no_value,
                                .relu = step.relu};
        calls.push_back({image, kernel.images, [this, shape = *kernel.winograd, call](std::int64_t count) mutable {
                             shape.images = count;
                             return network.winograd->run(shape, call);
                         }});
    }

    void add_pointwise(int index, void* result, std::int64_t image) {
        const Step& step = network.plan.steps[index];
        const Kernel& kernel = network.kernels[index];
        PointwiseCall call{.destination = result,
                           .stride = elements(kernel),
                           .channels = step.output[0],
                           .pixels = step.output[1] * step.output[2],
                           .bfloat16 = network.setting.type == Type::bf16,
                           .relu = step.relu};
        if (uses_batch_statistics(step)) {
            call.scale = norms.scale(index);
            call.shift = norms.shift(index);
        } else if (step.layer >= 0) {
            call.scale = floats_of(network.layers[step.layer].weight);
            call.shift = floats_of(network.layers[step.layer].bias);
        }
        if (step.residual != no_value) {
            call.residual = place(step.residual, image);
            call.residual_stride = elements(network.kernels[step.residual]);
        }
        std::vector<PointwisePart> parts;
        if (step.zeros[0] > 0) parts.push_back(zeros(step.zeros[0]));
        parts.push_back(part_of(step.source, image));
        for (const int value : step.others) parts.push_back(part_of(value, image));
        if (step.zeros[1] > 0) parts.push_back(zeros(step.zeros[1]));
        calls.push_back({image, kernel.images, [this, parts = std::move(parts), call](std::int64_t count) mutable {
                             call.images = count;
                             call.parts = parts.data();
                             call.part_count = static_cast<int>(parts.size());
                             return network.pointwise->run(call);
                         }});
    }

    bool uses_batch_statistics(const Step& step) const { return network.plan.statistics == Statistics::of_batch && is_batch_norm(step); }

    // Of a batch norm whose statistics are there now.
    void add_scale(int index) {
        const Step& step = network.plan.steps[index];
        if (!uses_batch_statistics(step)) return;
        const PackedLayer& layer = network.layers[step.layer];
        calls.push_back(
            {0, network.wanted.batch, [this, index, gamma = floats_of(layer.weight), beta = floats_of(layer.bias)](std::int64_t) {
                 norms.set_scale(index, gamma, beta);
                 return true;
             }});
    }

    // Of the value that step `index` has made.
    void add_sums(int index, std::int64_t image) {
        if (!norms.normalise(index)) return;
        const Kernel& kernel = network.kernels[index];
        const auto [channels, height, width] = network.plan.steps[index].output;
        ChannelSumsCall call{.data = static_cast<const float*>(place(index, image)),
                             .stride = elements(kernel),
                             .channels = channels,
                             .pixels = height * width};
        calls.push_back({image, kernel.images, [this, index, call](std::int64_t count) mutable {
                             call.images = count;
                             return norms.add(index, call, *network.pointwise);
                         }});
    }

    PointwisePart part_of(int value, std::int64_t image) const {
        return {place(value, image), network.plan.steps[value].output[0], elements(network.kernels[value])};
    }

    PointwisePart zeros(std::int64_t channels) const { return {network.zeros.get_data_handle(), channels, 0}; }

    // Of an image's value.
    std::int64_t elements(const Kernel& kernel) const {
        const std::size_t size = network.setting.type == Type::bf16 ? sizeof(std::uint16_t) : sizeof(float);
        return static_cast<std::int64_t>(kernel.value_bytes / size);
    }

    // Returns where the result lies. A reorder makes no infinity and no NaN.
    void* add_reorder(const Reorder& reorder, void* source, void* result, std::int64_t image) {
        Arguments arguments{{DNNL_ARG_FROM, view(reorder.from, source, image)},
                            {DNNL_ARG_TO, view(reorder.to, result, image)},
                            {DNNL_ARG_SCRATCHPAD, view(reorder.scratchpad, scratchpad.get_data_handle(), image)}};
        calls.push_back({image, network.wanted.batch, [this, &reorder, result, arguments = std::move(arguments)](std::int64_t) {
                             std::memset(result, 0, reorder.frame_bytes);
                             reorder.primitive.execute(stream, arguments);
                             return true;
                         }});
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

    const CpuNetwork::State& network;
    dnnl::stream stream;
    memory scratchpad;
    BatchNorms norms;
    BufferPlan buffer_plan;
    std::vector<memory> buffers;
    std::vector<ImageView> images;
    float* logits = nullptr;
    std::vector<Call> calls;
};

CpuNetwork::Stream::Stream(const CpuNetwork& network) : state_(std::make_unique<State>(*network.state_)) {}
CpuNetwork::Stream::~Stream() = default;
CpuNetwork::Stream::Stream(Stream&&) noexcept = default;

CpuNetwork::Result CpuNetwork::Stream::run(const float* images, std::int64_t count) {
    if (!state_->network.finite_weights()) return {.finite = false};
    state_->set_images(images);
    state_->norms.begin(count);
    for (const State::Call& call : state_->calls)
        if (call.first_image < count && !call.execute(std::min(call.images, count - call.first_image))) return {.finite = false};
    state_->stream.wait();
    state_->close_up_logits(count);
    return {.logits = state_->logits};
}

Moments CpuNetwork::Stream::moments(const Step& step) const {
    return state_->norms.moments(step);
}

}  // namespace orograph::evaluate
