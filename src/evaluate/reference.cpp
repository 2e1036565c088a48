#include "batch_loop.hpp"
#include "factories.hpp"
#include "precision.hpp"
#include "recalibration.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/Context.h>
#include <c10/core/DeviceGuard.h>
#include <torch/version.h>

namespace orograph::evaluate {

namespace {

// The plain network. Losses are summed on the host on every device. A last batch of one image is computed as such: on the CPU LibTorch may
// round it differently from the same image among others, but the partition, and so the result, is always the same.
class Reference : public Evaluator {
public:
    using Evaluator::evaluate;

    Reference(const model::Network& network, const Options& options)
        : network_(network),
          options_(options),
          batch_(options.batch > 0 ? options.batch : 128),
          loop_(options.device.is_cpu() ? options.threads : 1) {}

    std::int64_t batch() const override { return batch_; }

    int add_split(const data::Split& split) override {
        splits_.push_back({split.images.to(options_.device), split.labels.to(at::kCPU).contiguous()});
        return static_cast<int>(splits_.size()) - 1;
    }

    void set_weights(const model::Weights& weights) override {
        weights_ = weights;
        parameters_ = model::views(weights.parameters, network_.space.parameters);
        states_ = model::views(weights.states, network_.space.states);
    }

    void set_recalibration(const data::Split& images, std::int64_t batch) override {
        recalibration_.emplace(network_, images, batch, options_.device);
    }

    at::Tensor recalibrate(const CancelToken& cancel) override {
        const auto run = [this](auto count, const auto& task) { loop_.for_each(count, task); };
        const auto plain = [this](int, std::int64_t batch) { return recalibration_->plain_states(weights_, batch); };
        const at::Tensor states = recalibration_.value().states(weights_, run, plain, cancel);
        if (states.defined()) set_weights({weights_.parameters, states});
        return states;
    }

    std::vector<BatchSum> evaluate(int split, const CancelToken& cancel) override {
        const Resident& data = splits_.at(static_cast<std::size_t>(split));
        return loop_.run(batch_count(data.labels.size(0), batch_), cancel, [&](int, std::int64_t batch) { return sum_batch(data, batch); });
    }

    std::string identity() const override {
        return cat("reference libtorch-", TORCH_VERSION, " ", machine(), " ", to_string(options_.precision), " batch ", batch_);
    }

private:
    struct Resident {
        at::Tensor images, labels;
    };

    std::string machine() const {
        if (options_.device.is_cpu()) return instruction_set();
        return cat("cudnn-", at::Context::versionCuDNN(), " ", gpu::device_name(options_.device.has_index() ? options_.device.index() : 0));
    }

    BatchSum sum_batch(const Resident& data, std::int64_t batch) const {
        const c10::OptionalDeviceGuard device(options_.device);
        const LibTorchPrecision precision(options_.precision, options_.device.type());
        const std::int64_t first = batch * batch_, count = std::min(batch_, data.labels.size(0) - first);
        const at::Tensor images = data.images.narrow(0, first, count);
        const at::Tensor logits =
            model::forward(network_, parameters_, states_, images, model::BatchNormMode::use_states).to(at::kCPU, at::kFloat).contiguous();
        return sum_losses(logits.const_data_ptr<float>(), data.labels.const_data_ptr<std::int64_t>() + first, count, network_.classes,
                          options_.loss);
    }

    const model::Network network_;
    const Options options_;
    const std::int64_t batch_;
    std::vector<Resident> splits_;
    std::optional<Recalibration> recalibration_;
    model::Weights weights_;                       // of the point in hand
    std::vector<at::Tensor> parameters_, states_;  // their tensors
    BatchLoop loop_;
};

}  // namespace

std::unique_ptr<Evaluator> make_reference(const model::Network& network, const Options& options) {
    return std::make_unique<Reference>(network, options);
}

}  // namespace orograph::evaluate
