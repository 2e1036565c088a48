#include "batch_loop.hpp"
#include "cpu_network.hpp"
#include "cpu_recalibration.hpp"
#include "factories.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"

#include <mutex>

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
        moved_to_.reset();
        loaded_ = false;
        if (!recalibration_) load_weights();
    }

    void set_space(AffineSpace space) override { space_.emplace(std::move(space)); }

    // The parameters are made layer by layer, in the cache, while these are loaded; as a whole only where something asks for them.
    void move_to(std::span<const double> coefficients) override {
        if (recalibration_) return set_weights(space_.value().at(coefficients, share_out()));
        moved_to_.emplace(coefficients.begin(), coefficients.end());
        weights_.states = space_.value().states_at(coefficients);
        loaded_ = false;
        load_weights();
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
            const LayerPart& part = cpu_.parts()[static_cast<std::size_t>(index)];
            FoldedLayer& folded = folded_[static_cast<std::size_t>(worker)];
            fold_part(part, folded);
            cpu_.load(static_cast<std::size_t>(index), folded);
        });
    }

    void fold_part(const LayerPart& part, FoldedLayer& folded) const {
        const auto& [index, first, last] = part;
        const Layer& layer = plan_.layers[index];
        if (!moved_to_)
            return fold_outputs(layer, first, last, network_.space, values(weights_.parameters), values(weights_.states), folded);
        const auto read = [&](int tensor, std::vector<float>& memory) -> std::span<const float> {
            if (tensor < 0) return {};
            const model::TensorSpec& spec = network_.space.parameters[static_cast<std::size_t>(tensor)];
            const std::int64_t row = spec.count / layer.shape[0];
            memory.resize(static_cast<std::size_t>((last - first) * row));
            space_->read_parameters(*moved_to_, spec.offset + first * row, memory);
            return memory;
        };
        const auto state = [&](int tensor) { return part_of(layer, first, last, tensor, network_.space.states, values(weights_.states)); };
        std::vector<float> bias, gamma, beta;
        const LayerValues found{.weight = read(layer.weight, folded.weight),
                                .bias = read(layer.bias, bias),
                                .gamma = read(layer.gamma, gamma),
                                .beta = read(layer.beta, beta),
                                .mean = state(layer.mean),
                                .variance = state(layer.variance)};
        fold(layer, found, last - first, folded);
    }

    MovingWeights::Run share_out() {
        return [this](std::int64_t count, const std::function<void(std::int64_t)>& task) {
            loop_.for_each(count, [&](int, std::int64_t i) { task(i); });
        };
    }

    BatchSum sum_batch(CpuNetwork::Stream& stream, const ResidentSplit& data, std::int64_t batch) {
        const at::Tensor images = data.images(batch);
        const auto result = stream.run(images.const_data_ptr<float>(), data.count(batch));
        if (result.finite) return sum_losses(result.logits, data.labels(batch), data.count(batch), network_.classes, loss_);
        const at::Tensor logits = plain_logits(images);
        return sum_losses(logits.const_data_ptr<float>(), data.labels(batch), data.count(batch), network_.classes, loss_);
    }

    at::Tensor plain_logits(const at::Tensor& images) {
        const model::Weights& weights = whole_weights();
        const auto parameters = model::views(weights.parameters, network_.space.parameters);
        const auto states = model::views(weights.states, network_.space.states);
        return model::forward(network_, parameters, states, images, model::BatchNormMode::use_states).contiguous();
    }

    // Several threads may ask at once.
    const model::Weights& whole_weights() {
        const std::scoped_lock lock(whole_);
        if (moved_to_) weights_ = space_->at(*std::exchange(moved_to_, std::nullopt));
        return weights_;
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
    model::Weights weights_;                       // of the point in hand; without its parameters, where there are ...
    std::optional<std::vector<double>> moved_to_;  // ... coefficients in space_ instead
    std::mutex whole_;
    bool loaded_ = false;  // in cpu_
    BatchLoop loop_;
};

}  // namespace

std::unique_ptr<Evaluator> make_compiled_cpu(const model::Network& network, const Options& options) {
    return std::make_unique<CompiledCpu>(network, options);
}

}  // namespace orograph::evaluate
