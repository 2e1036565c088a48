#include "batch_loop.hpp"
#include "cpu_network.hpp"
#include "cpu_recalibration.hpp"
#include "factories.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"

namespace orograph::evaluate {

namespace {

std::span<const float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Images in the layout that the network takes (the split's own tensor where that is it), cut into micro-batches; the last one filled up
// with zeros.
class ResidentSplit {
public:
    ResidentSplit(const data::Split& split, std::int64_t batch, ImageLayout layout) : batch_(batch) {
        const auto format = layout == ImageLayout::nhwc ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
        images_ = split.images.contiguous(format);
        labels_ = split.labels.contiguous();
        const std::int64_t rest = split.size() % batch;
        if (rest == 0) return;
        auto sizes = images_.sizes().vec();
        sizes[0] = batch;
        last_ = at::empty(sizes, images_.options(), format).zero_();
        last_.narrow(0, 0, rest).copy_(images_.narrow(0, split.size() - rest, rest));
    }

    std::int64_t batches() const { return batch_count(labels_.size(0), batch_); }
    std::int64_t count(std::int64_t batch) const { return std::min(batch_, labels_.size(0) - batch * batch_); }
    const std::int64_t* labels(std::int64_t batch) const { return labels_.const_data_ptr<std::int64_t>() + batch * batch_; }
    at::Tensor images(std::int64_t batch) const { return count(batch) == batch_ ? images_.narrow(0, batch * batch_, batch_) : last_; }

private:
    std::int64_t batch_;
    at::Tensor images_, labels_, last_;
};

// A batch in which an infinity or a NaN appears anywhere is computed once more by the plain network: ReLU and max pool lose NaN.
class CompiledCpu : public Evaluator {
public:
    using Evaluator::evaluate;

    CompiledCpu(const model::Network& network, const Options& options)
        : network_(network),
          loss_(options.loss),
          batch_(options.batch > 0 ? options.batch : 64),
          setting_{batch_, options.precision, options.convolution,
                   options.instruction_set.empty() ? instruction_set() : options.instruction_set},
          plan_(make_plan(network)),
          cpu_(plan_, setting_),
          folded_(static_cast<std::size_t>(options.threads)),
          loop_(options.threads) {
        for (int i = 0; i < options.threads; ++i) streams_.emplace_back(cpu_);
    }

    std::int64_t batch() const override { return batch_; }

    int add_split(const data::Split& split) override {
        splits_.emplace_back(split, batch_, cpu_.image_layout());
        return static_cast<int>(splits_.size()) - 1;
    }

    void set_weights(const model::Weights& weights) override {
        weights_ = weights;
        loaded_ = false;
        if (!recalibration_) load_weights();
    }

    void set_space(AffineSpace space) override { space_.emplace(std::move(space)); }

    void move_to(std::span<const double> coefficients) override {
        set_weights(space_.value().at(coefficients, [&](std::int64_t count, const std::function<void(std::int64_t)>& task) {
            loop_.for_each(count, [&](int, std::int64_t i) { task(i); });
        }));
    }

    void set_recalibration(const data::Split& images, std::int64_t batch) override {
        recalibration_.emplace(network_, images, batch, setting_, loop_.threads());
    }

    at::Tensor recalibrate(const CancelToken& cancel) override {
        const at::Tensor states = recalibration_.value().states(weights_, loop_, cancel);
        if (!states.defined()) return states;
        weights_.states = states;
        loaded_ = false;
        load_weights();
        return states;
    }

    std::vector<BatchSum> evaluate(int split, const CancelToken& cancel) override {
        load_weights();
        const ResidentSplit& data = splits_.at(static_cast<std::size_t>(split));
        return loop_.run(data.batches(), cancel, [&](int worker, std::int64_t batch) {
            return sum_batch(streams_[static_cast<std::size_t>(worker)], data, batch);
        });
    }

    std::string identity() const override { return cat("compiled ", cpu_.identity(), ", batch ", batch_); }

private:
    // Once a point: after recalibrate(), where that is to come.
    void load_weights() {
        if (std::exchange(loaded_, true)) return;
        loop_.for_each(std::ssize(cpu_.parts()), [&](int worker, std::int64_t index) {
            const auto& [layer, first, last] = cpu_.parts()[static_cast<std::size_t>(index)];
            FoldedLayer& folded = folded_[static_cast<std::size_t>(worker)];
            fold_outputs(plan_.layers[layer], first, last, network_.space, values(weights_.parameters), values(weights_.states), folded);
            cpu_.load(static_cast<std::size_t>(index), folded);
        });
    }

    BatchSum sum_batch(CpuNetwork::Stream& stream, const ResidentSplit& data, std::int64_t batch) const {
        const at::Tensor images = data.images(batch);
        const auto result = stream.run(images.const_data_ptr<float>(), data.count(batch));
        if (result.finite) return sum_losses(result.logits, data.labels(batch), data.count(batch), network_.classes, loss_);
        const at::Tensor logits = plain_logits(images);
        return sum_losses(logits.const_data_ptr<float>(), data.labels(batch), data.count(batch), network_.classes, loss_);
    }

    at::Tensor plain_logits(const at::Tensor& images) const {
        const auto parameters = model::views(weights_.parameters, network_.space.parameters);
        const auto states = model::views(weights_.states, network_.space.states);
        return model::forward(network_, parameters, states, images, model::BatchNormMode::use_states).contiguous();
    }

    const model::Network network_;
    const Loss loss_;
    const std::int64_t batch_;
    const CpuSetting setting_;
    const Plan plan_;
    CpuNetwork cpu_;
    std::vector<CpuNetwork::Stream> streams_;  // one a worker
    std::vector<FoldedLayer> folded_;          // one a worker
    std::vector<ResidentSplit> splits_;
    std::optional<MovingWeights> space_;
    std::optional<CpuRecalibration> recalibration_;
    model::Weights weights_;  // of the point in hand
    bool loaded_ = false;     // in cpu_
    BatchLoop loop_;
};

}  // namespace

std::unique_ptr<Evaluator> make_compiled_cpu(const model::Network& network, const Options& options) {
    return std::make_unique<CompiledCpu>(network, options);
}

}  // namespace orograph::evaluate
