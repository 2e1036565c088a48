#include "judge.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace orograph::train {

namespace {

// The recipe's, or the next smaller size that leaves no image alone in the last batch.
std::int64_t recalibration_batch(std::int64_t images, std::int64_t batch) {
    batch = std::clamp<std::int64_t>(batch, 2, std::max<std::int64_t>(images, 2));
    while (batch > 2 && images % batch == 1) --batch;
    return batch;
}

}  // namespace

const data::Split& train_split(const data::Dataset& dataset) {
    const data::Split* split = dataset.find("train");
    OROGRAPH_VALIDATE(split != nullptr && split->size() > 0, ExitCode::config, "training needs the split train; add it to data.splits");
    return *split;
}

Judge::Judge(const model::Network& network, const data::Dataset& dataset, const Recipe& recipe, const Machine& machine,
             const par::Communicator& team, bool recalibrates)
    : team_(team),
      recalibrates_(recalibrates),
      evaluator_(evaluate::make_evaluator(network, {.threads = machine.threads, .device = machine.device})) {
    const data::Split& train = train_split(dataset);
    if (recalibrates) evaluator_->set_recalibration(train, recalibration_batch(train.size(), recipe.batch));
    train_ = add(&train);
    test_ = add(dataset.find("test"));
}

bool Judge::judge(const model::Weights& weights, const CancelToken& cancel, EpochRecord& record) {
    evaluator_->set_weights(weights);
    if (recalibrates_) evaluator_->recalibrate(cancel);
    return judge(train_, cancel, record.train_loss, record.train_acc) && judge(test_, cancel, record.test_loss, record.test_acc);
}

Judge::Part Judge::add(const data::Split* split) {
    if (split == nullptr) return {};
    const std::int64_t batch = evaluator_->batch(), images = split->size();
    const auto range = evaluate::shard_range((images + batch - 1) / batch, team_.rank(), team_.size());
    const std::int64_t first = range.first * batch, last = std::min(range.last * batch, images);
    if (first >= last) return {images, -1};
    if (last - first == images) return {images, evaluator_->add_split(*split)};
    return {images, evaluator_->add_split(data::slice(*split, first, last - first))};
}

// The batches' sums are added in their order, so that the result does not depend on who computed them.
bool Judge::judge(const Part& part, const CancelToken& cancel, double& loss, double& accuracy) {
    loss = accuracy = std::numeric_limits<double>::quiet_NaN();
    if (part.images == 0) return true;
    std::vector<evaluate::BatchSum> own;
    if (part.number >= 0 && !cancel.cancelled()) own = evaluator_->evaluate(part.number, cancel);
    if (par::all_max(team_, cancel.cancelled() ? 1 : 0) != 0) return false;
    evaluate::BatchSum total;
    for (const evaluate::BatchSum& sum : gather(own)) {
        total.loss += sum.loss;
        total.correct += sum.correct;
    }
    loss = total.loss / static_cast<double>(part.images);
    accuracy = 100 * total.correct / static_cast<double>(part.images);
    return true;
}

std::vector<evaluate::BatchSum> Judge::gather(const std::vector<evaluate::BatchSum>& own) const {
    std::vector<evaluate::BatchSum> all;
    for (const std::string& bytes : par::all_gather(team_, {reinterpret_cast<const char*>(own.data()), own.size() * sizeof(own[0])})) {
        const auto before = all.size();
        all.resize(before + bytes.size() / sizeof(evaluate::BatchSum));
        if (!bytes.empty()) std::memcpy(all.data() + before, bytes.data(), bytes.size());
    }
    return all;
}

}  // namespace orograph::train
