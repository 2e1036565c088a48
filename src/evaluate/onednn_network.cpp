#include "onednn_network.hpp"

#include "onednn_primitives.hpp"

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

// The packed weights of a layer, and how they are packed from C order.
struct PackedLayer {
    Desc plain;
    memory weight, bias;
    std::optional<Reorder> pack;
};

PackedLayer make_packed_layer(const Desc& weights, const dnnl::engine& engine) {
    const Dims dims = weights.dims();
    const Desc plain(dims, f32, Tag::oihw);
    return {plain, memory(weights, engine), memory(Desc({dims[0]}, f32, Tag::x), engine), reorder_if_different(plain, weights, engine)};
}

memory make_buffer(std::size_t size_bytes, const dnnl::engine& engine) {
    const auto count = static_cast<std::int64_t>((size_bytes + sizeof(float) - 1) / sizeof(float));
    memory buffer(Desc({std::max<std::int64_t>(count, 1)}, f32, Tag::a), engine);
    std::fill_n(static_cast<float*>(buffer.get_data_handle()), buffer.get_desc().get_size() / sizeof(float), 0.F);
    return buffer;
}

// Which buffer each value lives in: a buffer is free again after the last step that reads its value, and the one freed last (still in the
// cache) is taken first.
class BufferPlan {
public:
    BufferPlan(const Plan& plan, const std::vector<Primitive>& primitives) {
        const std::vector<int> last = last_readers(plan);
        for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
            const Step& step = plan.steps[i];
            const Primitive& primitive = primitives[i];
            reordered.emplace_back();
            for (const Reorder& reorder : primitive.reorders) reordered.back().push_back(take(reorder.to.get_size()));
            values.push_back(step.residual != no_value ? values[step.residual] : take(primitive.destination.get_size()));
            free_.insert(free_.end(), reordered.back().begin(), reordered.back().end());
            if (step.source != plan_input && last[step.source] == i) free_.push_back(values[step.source]);
        }
        logits = take(primitives.back().destination.get_size());
    }

    std::vector<int> values;                  // of each step; the residual's where there is one
    std::vector<std::vector<int>> reordered;  // what each step's reorders write
    int logits = -1;                          // the last value as rows
    std::vector<std::size_t> size_bytes;      // of each buffer

private:
    int take(std::size_t bytes) {
        if (free_.empty()) {
            free_.push_back(static_cast<int>(size_bytes.size()));
            size_bytes.push_back(0);
        }
        const int buffer = free_.back();
        free_.pop_back();
        size_bytes[buffer] = std::max(size_bytes[buffer], bytes);
        return buffer;
    }

    std::vector<int> free_;
};

}  // namespace

struct OnednnNetwork::State {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    Plan plan;
    ImageLayout layout = ImageLayout::nchw;
    Desc images;
    std::vector<Primitive> primitives;  // one a step
    std::vector<PackedLayer> layers;
    std::optional<Reorder> to_logits;  // from the last value to rows
    std::size_t scratchpad_bytes = 0;
    bool finite_weights = false;

    State(const Plan& plan, std::int64_t batch) : plan(plan), layers(plan.layers.size()) {
        const SingleThreaded guard;
        choose_layout(batch);
        for (const Step& step : plan.steps) add(step, batch);
        to_logits = reorder_if_different(primitives.back().destination, rows(batch, plan.classes), engine);
        if (to_logits) need_scratchpad(to_logits->scratchpad);
    }

    // The one that the first step asks for; where that is neither, a reorder follows.
    void choose_layout(std::int64_t batch) {
        const Dims dims{batch, plan.input[0], plan.input[1], plan.input[2]};
        const Desc nchw(dims, f32, Tag::nchw), nhwc(dims, f32, Tag::nhwc);
        const Primitive first = make_primitive(plan, plan.steps.front(), batch, nchw, std::nullopt, engine);
        layout = first.source == nhwc ? ImageLayout::nhwc : ImageLayout::nchw;
        images = layout == ImageLayout::nhwc ? nhwc : nchw;
    }

    Desc value(int index) const { return index == plan_input ? images : primitives[static_cast<std::size_t>(index)].destination; }

    void add(const Step& step, std::int64_t batch) {
        const std::optional<Desc> residual = step.residual != no_value ? std::optional(value(step.residual)) : std::nullopt;
        Primitive primitive = make_primitive(plan, step, batch, value(step.source), residual, engine);
        if (step.layer >= 0) layers[step.layer] = make_packed_layer(primitive.weights, engine);
        need_scratchpad(primitive.scratchpad);
        for (const Reorder& reorder : primitive.reorders) need_scratchpad(reorder.scratchpad);
        primitives.push_back(std::move(primitive));
    }

    void need_scratchpad(const Desc& desc) { scratchpad_bytes = std::max(scratchpad_bytes, desc.get_size()); }
};

OnednnNetwork::OnednnNetwork(const Plan& plan, std::int64_t batch) : state_(std::make_unique<State>(plan, batch)) {}
OnednnNetwork::~OnednnNetwork() = default;

ImageLayout OnednnNetwork::image_layout() const {
    return state_->layout;
}

void OnednnNetwork::load(std::span<const FoldedLayer> folded) {
    OROGRAPH_EXPECT(folded.size() == state_->layers.size());
    const SingleThreaded guard;
    dnnl::stream stream(state_->engine);
    state_->finite_weights = true;
    for (std::size_t i = 0; i < folded.size(); ++i) {
        PackedLayer& layer = state_->layers[i];
        state_->finite_weights = state_->finite_weights && all_finite(folded[i].weight) && all_finite(folded[i].bias);
        OROGRAPH_EXPECT(folded[i].weight.size() * sizeof(float) == layer.plain.get_size());
        std::ranges::copy(folded[i].bias, static_cast<float*>(layer.bias.get_data_handle()));
        if (!layer.pack) {
            std::ranges::copy(folded[i].weight, static_cast<float*>(layer.weight.get_data_handle()));
            continue;
        }
        const memory plain(layer.plain, state_->engine, const_cast<float*>(folded[i].weight.data()));  // read only
        const memory scratchpad(layer.pack->scratchpad, state_->engine);
        layer.pack->primitive.execute(stream, {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, layer.weight}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
    }
    stream.wait();
}

std::string OnednnNetwork::version() {
    const dnnl_version_t* version = dnnl_version();
    return cat(version->major, ".", version->minor, ".", version->patch);
}

struct OnednnNetwork::Stream::State {
    // One call of the library. checked: where to look for infinities and NaN afterwards; reorders make none.
    struct Call {
        const dnnl::primitive* primitive;
        Arguments arguments;
        std::span<const float> checked;
    };

    explicit State(const OnednnNetwork::State& network)
        : network(network), stream(network.engine), scratchpad(make_buffer(network.scratchpad_bytes, network.engine)) {
        const BufferPlan buffer_plan(network.plan, network.primitives);
        for (const std::size_t size : buffer_plan.size_bytes) buffers.push_back(make_buffer(size, network.engine));
        for (std::size_t i = 0; i < network.primitives.size(); ++i) add_step(i, buffer_plan);
        logits = buffers[buffer_plan.values.back()];
        if (network.to_logits) logits = add_reorder(*network.to_logits, logits, buffer_plan.logits);
    }

    void add_step(std::size_t index, const BufferPlan& buffer_plan) {
        const Step& step = network.plan.steps[index];
        const Primitive& primitive = network.primitives[index];
        std::optional<memory> source;  // none: the images
        if (step.source != plan_input) source = buffers[buffer_plan.values[step.source]];
        for (std::size_t k = 0; k < primitive.reorders.size(); ++k)
            source = add_reorder(primitive.reorders[k], source, buffer_plan.reordered[index][k]);
        const memory result = in_format(primitive.destination, buffers[buffer_plan.values[index]]);
        Arguments arguments{{DNNL_ARG_SRC, in_format(primitive.source, source)},
                            {DNNL_ARG_DST, result},
                            {DNNL_ARG_SCRATCHPAD, in_format(primitive.scratchpad, scratchpad)}};
        if (step.layer >= 0) {
            arguments.emplace(DNNL_ARG_WEIGHTS, network.layers[step.layer].weight);
            arguments.emplace(DNNL_ARG_BIAS, network.layers[step.layer].bias);
        }
        const auto* values = static_cast<const float*>(result.get_data_handle());
        calls.push_back({&primitive.primitive, std::move(arguments), {values, primitive.destination.get_size() / sizeof(float)}});
    }

    // Returns the buffer that holds the result.
    memory add_reorder(const Reorder& reorder, const std::optional<memory>& source, int buffer) {
        Arguments arguments{{DNNL_ARG_FROM, in_format(reorder.from, source)},
                            {DNNL_ARG_TO, in_format(reorder.to, buffers[buffer])},
                            {DNNL_ARG_SCRATCHPAD, in_format(reorder.scratchpad, scratchpad)}};
        calls.push_back({&reorder.primitive, std::move(arguments), {}});
        return buffers[buffer];
    }

    // The memory of `buffer` seen in another format; without a buffer that of the images, which run() sets.
    memory in_format(const Desc& desc, const std::optional<memory>& buffer) {
        memory view(desc, network.engine, buffer ? buffer->get_data_handle() : nullptr);
        if (!buffer) images.push_back(view);
        return view;
    }

    const OnednnNetwork::State& network;
    dnnl::stream stream;
    memory scratchpad;
    std::vector<memory> buffers;
    std::vector<memory> images;
    memory logits;
    std::vector<Call> calls;
};

OnednnNetwork::Stream::Stream(const OnednnNetwork& network) : state_(std::make_unique<State>(*network.state_)) {}
OnednnNetwork::Stream::~Stream() = default;
OnednnNetwork::Stream::Stream(Stream&&) noexcept = default;

OnednnNetwork::Result OnednnNetwork::Stream::run(const float* images) {
    if (!state_->network.finite_weights) return {.finite = false};
    for (memory& view : state_->images) view.set_data_handle(const_cast<float*>(images));  // read only
    for (const State::Call& call : state_->calls) {
        call.primitive->execute(state_->stream, call.arguments);
        if (!all_finite(call.checked)) return {.finite = false};
    }
    state_->stream.wait();
    return {.logits = static_cast<const float*>(state_->logits.get_data_handle())};
}

}  // namespace orograph::evaluate
