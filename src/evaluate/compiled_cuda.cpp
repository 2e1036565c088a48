#include "factories.hpp"
#include "loss_kind.hpp"
#include "plan.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/Context.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

namespace orograph::evaluate {

namespace {

using Tensors = std::vector<at::Tensor>;

// LibTorch's current stream is the default one: Orograph never sets another.
constexpr void* default_stream = nullptr;

struct DeviceLayer {
    at::Tensor weight, bias;
};

// As fold(), with LibTorch on the weights' device.
DeviceLayer fold_on_device(const Layer& layer, const Tensors& parameters, const Tensors& states) {
    at::Tensor weight = parameters[layer.weight].to(at::kDouble);
    at::Tensor bias = layer.bias >= 0 ? parameters[layer.bias].to(at::kDouble) : at::zeros({layer.shape[0]}, weight.options());
    const bool convolution = weight.dim() == 4;
    if (layer.gamma >= 0) {
        const at::Tensor scale = parameters[layer.gamma].to(at::kDouble) / at::sqrt(states[layer.variance].to(at::kDouble) + layer.epsilon);
        weight = weight * (convolution ? scale.view({-1, 1, 1, 1}) : scale.view({-1, 1}));
        bias = parameters[layer.beta].to(at::kDouble) + (bias - states[layer.mean].to(at::kDouble)) * scale;
    }
    return {weight.to(at::kFloat).contiguous(convolution ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous),
            bias.to(at::kFloat)};
}

// tensor: dense. Queued.
void mark_non_finite(const at::Tensor& tensor, std::int32_t* flag) {
    gpu::flag_non_finite_cuda(tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel()), flag, default_stream);
}

at::Tensor run_pool(const Step& step, const at::Tensor& source) {
    const std::vector<std::int64_t> kernel{step.kernel, step.kernel}, stride{step.stride, step.stride}, padding{step.padding, step.padding};
    if (step.kind == StepKind::avg_pool) return at::avg_pool2d(source, kernel, stride, padding);
    return at::max_pool2d(source, kernel, stride, padding, /*dilation=*/{1, 1}, step.ceil_mode);
}

// cuDNN fuses convolutions only where a ReLU ends them (ATen/native/cudnn/ConvShared.cpp); the rest, a projection for example, is an
// operation each.
at::Tensor run_layer(const Step& step, const DeviceLayer& layer, const at::Tensor& source, const at::Tensor& residual) {
    const std::vector<std::int64_t> stride{step.stride, step.stride}, padding{step.padding, step.padding}, dilation{1, 1};
    const bool convolution = step.kind == StepKind::convolution;
    if (convolution && step.relu && residual.defined())
        return at::cudnn_convolution_add_relu(source, layer.weight, residual, /*alpha=*/1, layer.bias, stride, padding, dilation,
                                              /*groups=*/1);
    if (convolution && step.relu)
        return at::cudnn_convolution_relu(source, layer.weight, layer.bias, stride, padding, dilation, /*groups=*/1);
    at::Tensor result = convolution ? at::conv2d(source, layer.weight, layer.bias, stride, padding)
                                    : at::linear(source.flatten(1), layer.weight, layer.bias);
    if (residual.defined()) result += residual;
    return step.relu ? result.relu_() : result;
}

// The plan through LibTorch on one GPU: data resident in channels-last, whole batches (the last one filled up with zeros), each batch
// reduced to its slot on the device, one wait a point. A batch in which an infinity or a NaN appears anywhere is computed once more by the
// plain network, as cuDNN's ReLU need not keep NaN.
class CompiledCuda : public Evaluator {
public:
    CompiledCuda(const model::Network& network, const Options& options)
        : network_(network),
          loss_(options.loss),
          batch_(options.batch > 0 ? options.batch : 256),
          device_(at::kCUDA, options.device.has_index() ? options.device.index() : at::DeviceIndex(0)),
          plan_(make_plan(network)),
          last_readers_(last_readers(plan_)) {}

    std::int64_t batch() const override { return batch_; }

    int add_split(const data::Split& split) override {
        const std::int64_t batches = batch_count(split.size(), batch_);
        auto sizes = split.images.sizes().vec();
        sizes[0] = batches * batch_;
        const at::Tensor images = at::empty(sizes, at::TensorOptions(device_), at::MemoryFormat::ChannelsLast).zero_();
        images.narrow(0, 0, split.size()).copy_(split.images);
        splits_.push_back({images, split.labels.to(device_), batches});
        return static_cast<int>(splits_.size()) - 1;
    }

    using Evaluator::evaluate;

    void set_weights(const model::Weights& weights) override {
        const c10::DeviceGuard device(device_);
        const c10::InferenceMode inference;
        point_.emplace(*this, weights);
    }

    std::vector<BatchSum> evaluate(int split, const CancelToken& cancel) override {
        const c10::DeviceGuard device(device_);
        const c10::InferenceMode inference;
        const Point& point = point_.value();
        const Resident& data = splits_.at(static_cast<std::size_t>(split));
        const Slots slots(data.batches, device_);
        std::int64_t begun = 0;
        while (begun < data.batches && !cancel.cancelled()) {
            reduce(fused_logits(point, images_of(data, begun), slots.flag(begun)), data, begun, slots);
            ++begun;
        }
        repeat_non_finite(point, data, begun, slots);
        return slots.fetch(begun);
    }

    std::string identity() const override {
        return cat("compiled libtorch-", TORCH_VERSION, " cudnn-", at::Context::versionCuDNN(), " ", gpu::device_name(device_.index()),
                   " fp32 batch ", batch_);
    }

private:
    struct Resident {
        at::Tensor images, labels;
        std::int64_t batches;
    };

    // A point of weight space, unfolded and folded.
    struct Point {
        Point(const CompiledCuda& owner, const model::Weights& weights)
            : parameters(model::views(weights.parameters, owner.network_.space.parameters)),
              states(model::views(weights.states, owner.network_.space.states)),
              flag(at::zeros({1}, at::TensorOptions(at::kInt).device(owner.device_))) {
            for (const Layer& layer : owner.plan_.layers) layers.push_back(fold_on_device(layer, parameters, states));
            for (const DeviceLayer& layer : layers) {
                mark_non_finite(layer.weight, flag.data_ptr<std::int32_t>());
                mark_non_finite(layer.bias, flag.data_ptr<std::int32_t>());
            }
        }
        Tensors parameters, states;
        std::vector<DeviceLayer> layers;
        at::Tensor flag;  // whether a folded weight is not finite
    };

    // Results on the device, one slot a batch: its sums, and whether a non-finite value appeared.
    struct Slots {
        Slots(std::int64_t batches, at::Device device)
            : sums(at::zeros({batches, 2}, at::TensorOptions(at::kDouble).device(device))),
              flags(at::zeros({batches}, at::TensorOptions(at::kInt).device(device))) {}

        std::int32_t* flag(std::int64_t batch) const { return flags.data_ptr<std::int32_t>() + batch; }
        gpu::LossSum* sum(std::int64_t batch) const { return reinterpret_cast<gpu::LossSum*>(sums.data_ptr<double>()) + batch; }

        std::vector<BatchSum> fetch(std::int64_t count) const {
            const at::Tensor host = sums.cpu();
            std::vector<BatchSum> result;
            for (std::int64_t i = 0; i < count; ++i) result.push_back({host[i][0].item<double>(), host[i][1].item<double>()});
            return result;
        }

        at::Tensor sums, flags;
    };

    at::Tensor images_of(const Resident& data, std::int64_t batch) const { return data.images.narrow(0, batch * batch_, batch_); }

    at::Tensor fused_logits(const Point& point, const at::Tensor& images, std::int32_t* flag) const {
        Tensors values(plan_.steps.size());
        for (int i = 0; i < static_cast<int>(plan_.steps.size()); ++i) {
            const Step& step = plan_.steps[i];
            const at::Tensor source = step.source == plan_input ? images : values[step.source];
            const at::Tensor residual = step.residual == no_value ? at::Tensor() : values[step.residual];
            values[i] = step.layer < 0 ? run_pool(step, source) : run_layer(step, point.layers[step.layer], source, residual);
            mark_non_finite(values[i], flag);
            for (const int read : {step.source, step.residual})
                if (read >= 0 && last_readers_[read] == i) values[read].reset();
        }
        return values.back();
    }

    void reduce(const at::Tensor& logits, const Resident& data, std::int64_t batch, const Slots& slots) const {
        const std::int64_t first = batch * batch_, count = std::min(batch_, data.labels.size(0) - first);
        gpu::sum_losses_cuda(logits.const_data_ptr<float>(), data.labels.const_data_ptr<std::int64_t>() + first, count, network_.classes,
                             kind_of(loss_), slots.sum(batch), default_stream);
    }

    void repeat_non_finite(const Point& point, const Resident& data, std::int64_t batches, const Slots& slots) const {
        const at::Tensor flags = at::logical_or(slots.flags, point.flag).cpu();  // waits for all batches
        for (std::int64_t batch = 0; batch < batches; ++batch) {
            if (!flags.const_data_ptr<bool>()[batch]) continue;
            const at::Tensor logits =
                model::forward(network_, point.parameters, point.states, images_of(data, batch), model::BatchNormMode::use_states);
            reduce(logits.contiguous(), data, batch, slots);
        }
    }

    const model::Network network_;
    const Loss loss_;
    const std::int64_t batch_;
    const at::Device device_;
    const Plan plan_;
    const std::vector<int> last_readers_;
    std::vector<Resident> splits_;
    std::optional<Point> point_;  // in hand
};

}  // namespace

std::unique_ptr<Evaluator> make_compiled_cuda(const model::Network& network, const Options& options) {
    return std::make_unique<CompiledCuda>(network, options);
}

}  // namespace orograph::evaluate
