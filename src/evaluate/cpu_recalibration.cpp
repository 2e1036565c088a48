#include "cpu_recalibration.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

std::span<const float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// Room for a batch in parts of 2, 4 or 8 images whatever its size.
std::int64_t padded(std::int64_t images) {
    return (images + 7) / 8 * 8;
}

CpuSetting fp32(CpuSetting setting, std::int64_t batch) {
    setting.batch = batch;
    setting.precision = Precision::fp32;
    return setting;
}

}  // namespace

CpuRecalibration::CpuRecalibration(const model::Network& network, const data::Split& images, std::int64_t batch, const CpuSetting& setting,
                                   int threads)
    : plain_(network, images, batch, at::kCPU),
      space_(network.space),
      batch_(batch),
      padded_batch_(padded(std::min(batch, images.size()))),
      plan_(make_plan(network, Statistics::of_batch)),
      cpu_(plan_, fp32(setting, padded_batch_)),
      streams_(static_cast<std::size_t>(threads)),
      folded_(static_cast<std::size_t>(threads)) {
    const auto format = cpu_.image_layout() == ImageLayout::nhwc ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    images_ = images.images.contiguous(format);
    tail_begin_ = std::max<std::int64_t>(0, (images.size() - padded_batch_) / batch * batch);
    const std::int64_t rest = images.size() - tail_begin_;
    auto sizes = images_.sizes().vec();
    sizes[0] = rest + padded_batch_;
    tail_ = at::empty(sizes, images_.options(), format).zero_();
    tail_.narrow(0, 0, rest).copy_(images_.narrow(0, tail_begin_, rest));
}

at::Tensor CpuRecalibration::states(const model::Weights& weights, BatchLoop& loop, const CancelToken& cancel) {
    if (weights.states.numel() == 0) return weights.states;
    load(weights, loop);
    const auto run = [&](auto count, const auto& task) { loop.for_each(count, task); };
    return plain_.states(
        weights, run, [&](int worker, std::int64_t batch) { return states_of(worker, weights, batch); }, cancel);
}

void CpuRecalibration::load(const model::Weights& weights, BatchLoop& loop) {
    loop.for_each(std::ssize(cpu_.parts()), [&](int worker, std::int64_t index) {
        const auto& [layer, first, last] = cpu_.parts()[static_cast<std::size_t>(index)];
        FoldedLayer& folded = folded_[static_cast<std::size_t>(worker)];
        fold_outputs(parameters_only(plan_.layers[layer]), first, last, space_, values(weights.parameters), {}, folded);
        cpu_.load(static_cast<std::size_t>(index), folded);
    });
}

std::vector<double> CpuRecalibration::states_of(int worker, const model::Weights& weights, std::int64_t batch) {
    auto& stream = streams_[static_cast<std::size_t>(worker)];
    if (!stream) stream = std::make_unique<CpuNetwork::Stream>(cpu_);
    if (!stream->run(images(batch), plain_.images_of(batch)).finite) return plain_.plain_states(weights, batch);
    std::vector<double> states(static_cast<std::size_t>(weights.states.numel()));
    for (const Step& step : plan_.steps) {
        if (!is_batch_norm(step)) continue;
        const Layer& layer = plan_.layers[step.layer];
        const Moments moments = stream->moments(step);
        std::ranges::copy(moments.mean, states.begin() + space_.states[layer.mean].offset);
        std::ranges::copy(moments.unbiased_variance, states.begin() + space_.states[layer.variance].offset);
    }
    return states;
}

const float* CpuRecalibration::images(std::int64_t batch) const {
    const std::int64_t first = batch * batch_, size = images_.numel() / images_.size(0);
    if (first < tail_begin_) return images_.const_data_ptr<float>() + first * size;
    return tail_.const_data_ptr<float>() + (first - tail_begin_) * size;
}

}  // namespace orograph::evaluate
