#include "batch_loop.hpp"
#include "factories.hpp"
#include "onednn_network.hpp"

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

// A micro-batch in which an infinity or a NaN appears anywhere is computed once more by the plain network: oneDNN's ReLU and max pool lose
// NaN.
class CompiledCpu : public Evaluator {
public:
    CompiledCpu(const model::Network& network, const Options& options)
        : network_(network),
          loss_(options.loss),
          batch_(options.batch > 0 ? options.batch : 8),
          plan_(make_plan(network)),
          onednn_(plan_, batch_),
          loop_(options.threads) {
        for (int i = 0; i < options.threads; ++i) streams_.emplace_back(onednn_);
    }

    std::int64_t batch() const override { return batch_; }

    int add_split(const data::Split& split) override {
        splits_.emplace_back(split, batch_, onednn_.image_layout());
        return static_cast<int>(splits_.size()) - 1;
    }

    std::vector<BatchSum> evaluate(const model::Weights& weights, int split, const CancelToken& cancel) override {
        fold(plan_, network_.space, values(weights.parameters), values(weights.states), folded_);
        onednn_.load(folded_);
        const ResidentSplit& data = splits_.at(static_cast<std::size_t>(split));
        return loop_.run(data.batches(), cancel, [&](int worker, std::int64_t batch) {
            return sum_batch(streams_[static_cast<std::size_t>(worker)], data, batch, weights);
        });
    }

    std::string identity() const override {
        return cat("compiled onednn-", OnednnNetwork::version(), " ", instruction_set(), " fp32 batch ", batch_);
    }

private:
    BatchSum sum_batch(OnednnNetwork::Stream& stream, const ResidentSplit& data, std::int64_t batch, const model::Weights& weights) const {
        const at::Tensor images = data.images(batch);
        const auto result = stream.run(images.const_data_ptr<float>());
        if (result.finite) return sum_losses(result.logits, data.labels(batch), data.count(batch), network_.classes, loss_);
        const at::Tensor logits = plain_logits(images, weights);
        return sum_losses(logits.const_data_ptr<float>(), data.labels(batch), data.count(batch), network_.classes, loss_);
    }

    at::Tensor plain_logits(const at::Tensor& images, const model::Weights& weights) const {
        const auto parameters = model::views(weights.parameters, network_.space.parameters);
        const auto states = model::views(weights.states, network_.space.states);
        return model::forward(network_, parameters, states, images, model::BatchNormMode::use_states).contiguous();
    }

    const model::Network network_;
    const Loss loss_;
    const std::int64_t batch_;
    const Plan plan_;
    OnednnNetwork onednn_;
    std::vector<OnednnNetwork::Stream> streams_;  // one a worker
    std::vector<FoldedLayer> folded_;
    std::vector<ResidentSplit> splits_;
    BatchLoop loop_;
};

}  // namespace

std::unique_ptr<Evaluator> make_compiled_cpu(const model::Network& network, const Options& options) {
    return std::make_unique<CompiledCpu>(network, options);
}

}  // namespace orograph::evaluate
