#include "orograph/core/error.hpp"
#include "orograph/landscape/measurement.hpp"

#include <algorithm>

namespace orograph::landscape {

namespace {

std::vector<Field> fields_of(const std::string& split, evaluate::Loss loss) {
    const bool cross_entropy = loss == evaluate::Loss::cross_entropy;
    const std::string what = cross_entropy ? "mean cross-entropy on " : "mean squared error of softmax on ";
    return {{split + "_loss", what + split, cross_entropy ? "nat" : "1"}, {split + "_acc", "accuracy on " + split, "percent"}};
}

}  // namespace

std::vector<Field> loss_fields(const std::vector<data::Split>& splits, evaluate::Loss loss) {
    std::vector<Field> fields;
    for (const data::Split& split : splits) std::ranges::move(fields_of(split.name, loss), std::back_inserter(fields));
    return fields;
}

LossMeasurement::LossMeasurement(std::unique_ptr<Parametrisation> parametrisation, std::unique_ptr<evaluate::Evaluator> evaluator,
                                 const data::Dataset& dataset, int shard, int shards, evaluate::Loss loss,
                                 const std::optional<Recalibration>& recalibration)
    : parametrisation_(std::move(parametrisation)),
      evaluator_(std::move(evaluator)),
      shard_(shard),
      recalibrates_(recalibration.has_value()) {
    if (parametrisation_->space() != nullptr) evaluator_->set_space(*parametrisation_->space());
    if (recalibration) evaluator_->set_recalibration(recalibration->images, recalibration->batch);
    fields_ = loss_fields(dataset.splits, loss);
    const std::int64_t batch = evaluator_->batch();
    for (const data::Split& split : dataset.splits) {
        SplitPart part;
        part.images = split.size();
        const std::int64_t batches = (part.images + batch - 1) / batch;
        for (int s = 0; s < shards; ++s) {
            const auto [first, last] = evaluate::shard_range(batches, s, shards);
            part.shard_batches.push_back(last - first);
            if (s != shard || first == last) continue;
            const std::int64_t begin = first * batch;
            part.number = evaluator_->add_split(data::slice(split, begin, std::min(last * batch, part.images) - begin));
        }
        splits_.push_back(std::move(part));
    }
}

void LossMeasurement::set_point(std::span<const double> coordinates, std::span<const double> next) {
    if (parametrisation_->space() == nullptr) return evaluator_->set_weights(parametrisation_->at(coordinates));
    evaluator_->move_to(parametrisation_->coefficients(coordinates));
    if (!next.empty()) evaluator_->prepare(parametrisation_->coefficients(next));
}

// The shard's number, then split by split the loss and the correct count of each of its batches. So a shard without a batch has a part too.
std::vector<double> LossMeasurement::partial(std::span<const double> coordinates, std::span<const double> next, const CancelToken& cancel) {
    set_point(coordinates, next);
    if (recalibrates_ && !evaluator_->recalibrate(cancel).defined()) return {};
    std::vector<double> values{static_cast<double>(shard_)};
    for (const SplitPart& split : splits_) {
        if (split.number < 0) continue;
        for (const evaluate::BatchSum& sum : evaluator_->evaluate(split.number, cancel)) {
            values.push_back(sum.loss);
            values.push_back(sum.correct);
        }
        if (cancel.cancelled()) return {};
    }
    return values;
}

std::vector<double> LossMeasurement::record(std::span<const std::vector<double>> partials) const {
    std::vector<std::size_t> next(partials.size(), 1);
    std::vector<double> values;
    for (const SplitPart& split : splits_) {
        OROGRAPH_EXPECT(split.shard_batches.size() == partials.size());
        evaluate::BatchSum total;
        for (std::size_t shard = 0; shard < partials.size(); ++shard) {
            OROGRAPH_EXPECT(partials[shard].at(0) == static_cast<double>(shard));
            for (std::int64_t batch = 0; batch < split.shard_batches[shard]; ++batch) {
                total.loss += partials[shard].at(next[shard]++);
                total.correct += partials[shard].at(next[shard]++);
            }
        }
        values.push_back(total.loss / static_cast<double>(split.images));
        values.push_back(100 * total.correct / static_cast<double>(split.images));
    }
    return values;
}

}  // namespace orograph::landscape
