#include "orograph/train/trainer.hpp"

#include "feeder.hpp"
#include "history.hpp"
#include "learner.hpp"
#include "recipe.hpp"
#include "resume.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/progress.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

namespace orograph::train {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Passes a stop request on to a computation that only looks at a CancelToken.
class StopWatcher {
public:
    StopWatcher(const std::function<bool()>& stop, CancelToken& cancel)
        : thread_([&stop, &cancel](std::stop_token ended) {
              while (!ended.stop_requested() && !cancel.cancelled()) {
                  if (stop()) cancel.cancel();
                  std::this_thread::sleep_for(std::chrono::milliseconds(20));
              }
          }) {}

private:
    std::jthread thread_;
};

const data::Split& train_split(const data::Dataset& dataset) {
    const data::Split* split = dataset.find("train");
    OROGRAPH_VALIDATE(split != nullptr && split->size() > 0, ExitCode::config, "training needs the split train; add it to data.splits");
    return *split;
}

// Loss and accuracy of the weights in training, on whole splits. The evaluator keeps its own copy of the data, so it is made when the first
// epoch ends.
class Judge {
public:
    Judge(const model::Network& network, const data::Dataset& dataset, const Machine& machine)
        : evaluator_(evaluate::make_evaluator(network, {.threads = machine.threads, .device = machine.device})),
          train_(train_split(dataset)),
          test_(dataset.find("test")),
          train_number_(evaluator_->add_split(train_)),
          test_number_(test_ != nullptr ? evaluator_->add_split(*test_) : -1) {}

    // False where `cancel` was set meanwhile.
    bool judge(const model::Weights& weights, const CancelToken& cancel, EpochRecord& record) {
        if (!judge(weights, train_number_, train_, cancel, record.train_loss, record.train_acc)) return false;
        if (test_ != nullptr) return judge(weights, test_number_, *test_, cancel, record.test_loss, record.test_acc);
        record.test_loss = record.test_acc = std::numeric_limits<double>::quiet_NaN();
        return true;
    }

private:
    bool judge(const model::Weights& weights, int number, const data::Split& split, const CancelToken& cancel, double& loss,
               double& accuracy) {
        const std::vector<evaluate::BatchSum> sums = evaluator_->evaluate(weights, number, cancel);
        if (cancel.cancelled()) return false;
        evaluate::BatchSum total;
        for (const evaluate::BatchSum& sum : sums) {
            total.loss += sum.loss;
            total.correct += sum.correct;
        }
        loss = total.loss / static_cast<double>(split.size());
        accuracy = 100 * total.correct / static_cast<double>(split.size());
        return true;
    }

    std::unique_ptr<evaluate::Evaluator> evaluator_;
    const data::Split& train_;
    const data::Split* test_;
    int train_number_;
    int test_number_;
};

// One run, from wherever its folder says it is to its end or to a stop request.
class Trainer {
public:
    Trainer(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
            const Place& place, const Machine& machine)
        : network_(network),
          dataset_(dataset),
          recipe_(recipe),
          machine_(machine),
          folder_(place),
          feeder_(train_split(dataset), recipe, machine.device),
          learner_(network, start, recipe, machine.device),
          title_(cat("train ", place.folder.string())) {}

    Outcome run() {
        restore();
        if (state_.epoch == recipe_.epochs && std::filesystem::exists(folder_.final_file())) {
            log::info(cat(title_, ": finished before, ", state_.epoch, " epochs"));
            return outcome(true);
        }
        Progress progress(title_, "steps", steps_done(recipe_.epochs, 0), steps_done(state_.epoch, state_.step), machine_.progress_s,
                          progress_style_from(machine_.progress));
        while (state_.epoch < recipe_.epochs) {
            if (!train_epoch(progress) || !finish_epoch()) return outcome(false);
        }
        progress.finish();
        write_weights(folder_.final_file());
        return outcome(true);
    }

private:
    std::uint64_t steps_done(int epochs, std::int64_t step) const { return static_cast<std::uint64_t>(epochs * feeder_.batches() + step); }

    Outcome outcome(bool complete) const { return {complete, state_.epoch, state_.history, complete ? folder_.final_file() : ""}; }

    void restore() {
        if (const std::optional<RunState> found = folder_.restore(learner_.tensors())) {
            state_ = *found;
            learner_.optimizer().set_steps(state_.optimizer_steps);
        } else {
            save();
        }
    }

    void save() {
        state_.optimizer_steps = learner_.optimizer().steps();
        folder_.save(state_, learner_.tensors());
        saved_at_ = Clock::now();
    }

    // The steps that are left of this epoch; false where a stop request ended them early. Either way the state is saved.
    bool train_epoch(Progress& progress) {
        const double lr = learning_rate(recipe_, state_.epoch);
        while (state_.step < feeder_.batches()) {
            if (machine_.stop()) {
                save();
                return false;
            }
            const double loss = learner_.step(feeder_.batch(state_.epoch, state_.step), lr);
            ++state_.step;
            require_finite(loss, cat("step ", state_.step, " of epoch ", state_.epoch + 1), lr);
            progress.update(steps_done(state_.epoch, state_.step));
            if (state_.step < feeder_.batches() && seconds_since(saved_at_) >= machine_.save_s) save();
        }
        save();
        return true;
    }

    // Evaluates, writes checkpoint and history, enters the next epoch; false where a stop request came first.
    bool finish_epoch() {
        EpochRecord record{.epoch = state_.epoch + 1, .lr = learning_rate(recipe_, state_.epoch)};
        if (!evaluate_epoch(record)) return false;
        require_finite(record.train_loss, cat("the evaluation after epoch ", record.epoch), record.lr);
        state_.history.push_back(record);
        state_.epoch = record.epoch;
        state_.step = 0;
        write_weights(folder_.epoch_file(record.epoch));
        folder_.write_history(state_.history);
        save();
        report(record);
        return true;
    }

    bool evaluate_epoch(EpochRecord& record) {
        if (!judge_) judge_.emplace(network_, dataset_, machine_);
        CancelToken cancel;
        const StopWatcher watcher(machine_.stop, cancel);
        return judge_->judge(learner_.weights(), cancel, record);
    }

    void require_finite(double loss, const std::string& where, double lr) const {
        OROGRAPH_VALIDATE(std::isfinite(loss), ExitCode::data, title_, ": the loss became ", loss, " in ", where, "; lower train.lr (", lr,
                          ")");
    }

    void write_weights(const std::filesystem::path& file) const {
        const EpochRecord& record = state_.history.back();
        model::save_weights(file, network_, learner_.weights().to(at::kCPU),
                            {{"architecture", network_.architecture},
                             {"data", dataset_.set},
                             {"seed", std::to_string(recipe_.seed)},
                             {"epoch", std::to_string(record.epoch)},
                             {"train_loss", shortest(record.train_loss)},
                             {"train_acc", shortest(record.train_acc)},
                             {"test_loss", shortest(record.test_loss)},
                             {"test_acc", shortest(record.test_acc)}});
    }

    void report(const EpochRecord& record) const {
        log::info(cat(title_, ": epoch ", record.epoch, "/", recipe_.epochs, ", lr ", shortest(record.lr), ", train loss ",
                      record.train_loss, " acc ", record.train_acc, " %, test loss ", record.test_loss, " acc ", record.test_acc, " %"));
    }

    const model::Network& network_;
    const data::Dataset& dataset_;
    const Recipe& recipe_;
    const Machine& machine_;
    RunFolder folder_;
    Feeder feeder_;
    Learner learner_;
    std::optional<Judge> judge_;
    RunState state_;
    std::string title_;
    Clock::time_point saved_at_ = Clock::now();
};

// Full float32 convolutions in a fixed order on a GPU: cuDNN's default is TF32 and whatever algorithm is quickest.
void set_deterministic() {
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV, at::Float32Precision::IEEE);
}

}  // namespace

Outcome train(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
              const Place& place, const Machine& machine) {
    validate(recipe);
    at::set_num_threads(machine.threads);
    set_deterministic();
    return Trainer(network, start, dataset, recipe, place, machine).run();
}

}  // namespace orograph::train
