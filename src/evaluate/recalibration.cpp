#include "recalibration.hpp"

#include "factories.hpp"
#include "precision.hpp"

#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <map>
#include <mutex>
#include <set>

namespace orograph::evaluate {

namespace {

// A batch of one image has no variance where a batch norm sees one value a channel.
void check_partition(const model::Network& network, std::int64_t images, std::int64_t batch) {
    OROGRAPH_VALIDATE(batch >= 1, ExitCode::config, "evaluate.recalibrate.batch is ", batch, "; set it to 2 or more");
    OROGRAPH_VALIDATE(images >= 1, ExitCode::config,
                      "there are no train images to recalibrate batch norm with; set data.splits or "
                      "evaluate.recalibrate.limit so that there are");
    if (images % batch != 1 && batch != 1) return;
    for (const model::BatchNorm& norm : model::batch_norms(network))
        OROGRAPH_VALIDATE(norm.values > 1, ExitCode::config, "batch norm '", norm.name,
                          "' cannot be recalibrated with a batch of one image, which batches of ", batch, " leave of ", images,
                          "; set evaluate.recalibrate.batch or evaluate.recalibrate.limit to another number");
}

// The mean of batches' states weighted by their images: added up in float64 and in batch order, whatever order they come in.
class WeightedMean {
public:
    explicit WeightedMean(std::size_t size) : sum_(size) {}

    void add(std::int64_t batch, std::int64_t images, std::vector<double> states) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace(batch, Part{images, std::move(states)});
        for (auto part = waiting_.find(next_); part != waiting_.end(); part = waiting_.find(++next_)) {
            add(part->second);
            waiting_.erase(part);
        }
    }

    std::int64_t batches() const { return next_; }

    at::Tensor result() const {
        const at::Tensor mean = at::empty({std::ssize(sum_)}, at::kFloat);
        for (std::size_t i = 0; i < sum_.size(); ++i)
            mean.data_ptr<float>()[i] = static_cast<float>(sum_[i] / static_cast<double>(images_));
        return mean;
    }

private:
    struct Part {
        std::int64_t images;
        std::vector<double> states;
    };

    void add(const Part& part) {
        for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += static_cast<double>(part.images) * part.states[i];
        images_ += part.images;
    }

    std::mutex mutex_;
    std::map<std::int64_t, Part> waiting_;  // for earlier ones
    std::int64_t next_ = 0, images_ = 0;
    std::vector<double> sum_;
};

}  // namespace

std::string why_not_recalibrated(const model::Network& network) {
    std::set<std::size_t> seen;
    for (const model::BatchNorm& norm : model::batch_norms(network))
        if (!seen.insert(norm.running_mean).second || !seen.insert(norm.running_var).second)
            return cat("its batch norm '", norm.name, "' is used in several places, each of which needs statistics of its own");
    return {};
}

Recalibration::Recalibration(const model::Network& network, const data::Split& images, std::int64_t batch, at::Device device)
    : network_(network), batch_(batch) {
    const std::string fault = why_not_recalibrated(network);
    OROGRAPH_VALIDATE(fault.empty(), ExitCode::unavailable, "batch norm of ", network.architecture, " cannot be recalibrated: ", fault);
    check_partition(network, images.size(), batch);
    images_ = images.images.to(device).contiguous();
}

std::vector<double> Recalibration::plain_states(const model::Weights& weights, std::int64_t batch) const {
    const c10::OptionalDeviceGuard device(images_.device());
    const c10::InferenceMode inference;
    const LibTorchPrecision precision(Precision::fp32, images_.device().type());
    const at::Tensor states = weights.states.clone();  // an exported network's may hold more than statistics
    const std::vector<at::Tensor> tensors = model::views(states, network_.space.states);
    for (const model::BatchNorm& norm : model::batch_norms(network_))
        for (const std::size_t index : {norm.running_mean, norm.running_var}) tensors[index].zero_();  // what they were may be no number
    model::forward(network_, model::views(weights.parameters, network_.space.parameters), tensors,
                   images_.narrow(0, batch * batch_, images_of(batch)), model::BatchNormMode::replace_states);
    const at::Tensor values = states.to(at::kCPU, at::kDouble);
    return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

at::Tensor Recalibration::states(const model::Weights& weights, const Run& run, const BatchStates& of_batch,
                                 const CancelToken& cancel) const {
    if (weights.states.numel() == 0) return weights.states;
    const std::int64_t batches = batch_count(images_.size(0), batch_);
    WeightedMean mean(static_cast<std::size_t>(weights.states.numel()));
    run(batches, [&](int worker, std::int64_t batch) {
        if (!cancel.cancelled()) mean.add(batch, images_of(batch), of_batch(worker, batch));
    });
    return mean.batches() == batches ? mean.result().to(weights.states.device()) : at::Tensor();
}

}  // namespace orograph::evaluate
