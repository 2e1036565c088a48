#include "batch_norms.hpp"

#include <algorithm>
#include <cmath>

namespace orograph::evaluate {

BatchNorms::BatchNorms(const Plan& plan) : plan_(plan) {
    if (plan.statistics == Statistics::given) return;
    const std::vector<bool> normalised = normalised_values(plan);
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        const auto [channels, height, width] = plan.steps[i].output;
        const auto count = static_cast<std::size_t>(channels);
        if (normalised[i]) sums_[i] = {std::vector<double>(count), std::vector<double>(count), height * width};
        if (is_batch_norm(plan.steps[i])) affine_[i] = {std::vector<float>(count), std::vector<float>(count)};
    }
}

void BatchNorms::begin(std::int64_t images) {
    images_ = images;
    for (auto& [value, sums] : sums_) {
        std::ranges::fill(sums.values, 0);
        std::ranges::fill(sums.squares, 0);
    }
}

bool BatchNorms::add(int value, ChannelSumsCall call, const PointwiseKernel& kernel) {
    Sums& sums = sums_.at(value);
    call.sums = sums.values.data();
    call.squares = sums.squares.data();
    kernel.sum_channels(call);
    return std::ranges::all_of(sums.squares, [](double sum) { return std::isfinite(sum); });  // a float32's square is far below the limit
}

Moments BatchNorms::moments(const Step& step) const {
    std::vector<int> values{step.source};
    values.insert(values.end(), step.others.begin(), step.others.end());
    Moments moments;
    for (const int value : values) {
        const Sums& sums = sums_.at(value);
        const auto count = static_cast<double>(images_ * sums.pixels);
        for (std::size_t k = 0; k < sums.values.size(); ++k) {
            const double mean = sums.values[k] / count, variance = std::max(0.0, sums.squares[k] / count - mean * mean);
            moments.mean.push_back(mean);
            moments.biased_variance.push_back(variance);
            moments.unbiased_variance.push_back(variance * (count / (count - 1)));
        }
    }
    return moments;
}

void BatchNorms::set_scale(int step, const float* gamma, const float* beta) {
    const double epsilon = plan_.layers[plan_.steps[step].layer].epsilon;
    const Moments moments = this->moments(plan_.steps[step]);
    Affine& affine = affine_.at(step);
    for (std::size_t k = 0; k < affine.scale.size(); ++k) {
        const double scale = gamma[k] / std::sqrt(moments.biased_variance[k] + epsilon);
        affine.scale[k] = static_cast<float>(scale);
        affine.shift[k] = static_cast<float>(beta[k] - moments.mean[k] * scale);
    }
}

}  // namespace orograph::evaluate
