#include "orograph/train/trainer.hpp"

#include "feeder.hpp"
#include "history.hpp"
#include "judge.hpp"
#include "network_learner.hpp"
#include "recipe.hpp"
#include "resume.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/progress.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
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

// One run, from wherever its folder says it is to its end or to a stop request. The ranks of a team do the same steps; rank 0 has the
// folder.
class Trainer {
public:
    Trainer(Learner& learner, const model::Network& network, const data::Dataset& dataset, const Recipe& recipe, const Place& place,
            const Machine& machine, const par::Communicator& team)
        : learner_(learner),
          network_(network),
          dataset_(dataset),
          recipe_(recipe),
          place_(place),
          machine_(machine),
          team_(team),
          feeder_(train_split(dataset), recipe, machine.device, team.rank(), team.size()),
          title_(cat("train ", place.folder.string())) {
        par::on_root(team, [&] { folder_.emplace(place); });
    }

    Outcome run() {
        if (restore()) {
            log::info(cat(title_, ": finished before, ", state_.epoch, " epochs"));
            return outcome(true);
        }
        Progress progress(title_, "steps", steps_done(recipe_.epochs, 0), steps_done(state_.epoch, state_.step), machine_.progress_s,
                          team_.rank() == 0 ? progress_style_from(machine_.progress) : ProgressStyle::none);
        while (state_.epoch < recipe_.epochs) {
            if (!train_epoch(progress) || !finish_epoch()) return outcome(false);
        }
        progress.finish();
        par::on_root(team_, [&] { learner_.write_final(place_.folder, metadata()); });
        return outcome(true);
    }

private:
    std::uint64_t steps_done(int epochs, std::int64_t step) const { return static_cast<std::uint64_t>(epochs * feeder_.batches() + step); }

    Outcome outcome(bool complete) const {
        return {complete, state_.epoch, state_.history, complete ? learner_.final_file(place_.folder) : std::filesystem::path()};
    }

    // Whether the run has been finished before.
    bool restore() {
        bool found = false, finished = false;
        par::on_root(team_, [&] {
            const std::optional<RunState> state = folder_->restore(learner_.tensors());
            found = state.has_value();
            if (found) state_ = *state;
            finished = found && state_.epoch == recipe_.epochs && std::filesystem::exists(learner_.final_file(place_.folder));
        });
        if (par::all_max(team_, found ? 1 : 0) == 0) {
            save();
            return false;
        }
        broadcast_state();
        return par::all_max(team_, finished ? 1 : 0) != 0;
    }

    void broadcast_state() {
        for (auto& [name, tensor] : learner_.tensors()) broadcast(tensor);
        std::array<std::int64_t, 3> numbers{state_.epoch, state_.step, state_.optimizer_steps};
        std::string history = to_csv(state_.history);
        par::broadcast(team_, std::as_writable_bytes(std::span(numbers)), 0);
        par::broadcast(team_, history, 0);
        state_ = {static_cast<int>(numbers[0]), numbers[1], numbers[2], history_from_csv(history)};
        learner_.optimizer().set_steps(state_.optimizer_steps);
    }

    // Rank 0's elements replace everybody's.
    void broadcast(at::Tensor& tensor) const {
        const at::NoGradGuard no_grad;
        const at::Tensor host = tensor.to(at::kCPU).clone();
        par::broadcast(team_, {static_cast<std::byte*>(host.data_ptr()), host.nbytes()}, 0);
        tensor.copy_(host);
    }

    void save() {
        state_.optimizer_steps = learner_.optimizer().steps();
        par::on_root(team_, [&] { folder_->save(state_, learner_.tensors()); });
        saved_at_ = Clock::now();
    }

    enum Wish : std::int64_t { go_on, save_now, stop };

    // What is to happen before the next step, the same on all ranks: stop where any rank is asked to, save where rank 0's clock says so.
    Wish next_wish() const {
        const bool due = team_.rank() == 0 && seconds_since(saved_at_) >= machine_.save_s;
        return static_cast<Wish>(par::all_max(team_, machine_.stop() ? stop : due ? save_now : go_on));
    }

    // The steps that are left of this epoch; false where a stop request ended them early. Either way the state is saved.
    bool train_epoch(Progress& progress) {
        const double lr = learning_rate(recipe_, state_.epoch);
        while (state_.step < feeder_.batches()) {
            const Wish wish = next_wish();
            if (wish != go_on) save();
            if (wish == stop) return false;
            const double loss = learner_.step(feeder_.batch(state_.epoch, state_.step), lr);
            ++state_.step;
            require_finite(loss, cat("step ", state_.step, " of epoch ", state_.epoch + 1), lr);
            progress.update(steps_done(state_.epoch, state_.step));
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
        par::on_root(team_, [&] {
            learner_.write_epoch(place_.folder, record.epoch, metadata());
            folder_->write_history(state_.history);
        });
        save();
        report(record);
        return true;
    }

    bool evaluate_epoch(EpochRecord& record) {
        if (!judge_) judge_.emplace(network_, dataset_, recipe_, machine_, team_, learner_.needs_recalibration());
        CancelToken cancel;
        const StopWatcher watcher(machine_.stop, cancel);
        return judge_->judge(learner_.judged(), cancel, record);
    }

    void require_finite(double loss, const std::string& where, double lr) const {
        if (!std::isfinite(loss)) throw Diverged(cat(title_, ": the loss became ", loss, " in ", where, "; lower train.lr (", lr, ")"));
    }

    // Of the files of the last epoch.
    Learner::Metadata metadata() const {
        const EpochRecord& record = state_.history.back();
        return {{"data", dataset_.set},
                {"seed", std::to_string(recipe_.seed)},
                {"epoch", std::to_string(record.epoch)},
                {"train_loss", shortest(record.train_loss)},
                {"train_acc", shortest(record.train_acc)},
                {"test_loss", shortest(record.test_loss)},
                {"test_acc", shortest(record.test_acc)}};
    }

    void report(const EpochRecord& record) const {
        log::info(cat(title_, ": epoch ", record.epoch, "/", recipe_.epochs, ", lr ", shortest(record.lr), ", train loss ",
                      record.train_loss, " acc ", record.train_acc, " %, test loss ", record.test_loss, " acc ", record.test_acc, " %"));
    }

    Learner& learner_;
    const model::Network& network_;
    const data::Dataset& dataset_;
    const Recipe& recipe_;
    const Place& place_;
    const Machine& machine_;
    const par::Communicator team_;
    std::optional<RunFolder> folder_;  // on rank 0
    Feeder feeder_;
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

double measure_step_s(Learner& learner, const data::Dataset& dataset, const Recipe& recipe, int threads, at::Device device) {
    validate(recipe);
    at::set_num_threads(threads);
    set_deterministic();
    Feeder feeder(train_split(dataset), recipe, device, 0, 1);
    constexpr std::ptrdiff_t warm_up = 2, most = 5;
    constexpr double enough_s = 20;
    std::vector<double> times;
    const auto start = Clock::now();
    while (std::ssize(times) < 2 || (std::ssize(times) < most && seconds_since(start) < enough_s)) {
        const auto begin = Clock::now();
        learner.step(feeder.batch(0, 0), recipe.lr);
        times.push_back(seconds_since(begin));
    }
    times.erase(times.begin(), times.begin() + std::min(warm_up, std::ssize(times) - 1));
    std::ranges::sort(times);
    return times[times.size() / 2];
}

double measure_step_s(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
                      int threads, at::Device device) {
    NetworkLearner learner(network, start, recipe, device, {});
    return measure_step_s(learner, dataset, recipe, threads, device);
}

Outcome train(Learner& learner, const model::Network& network, const data::Dataset& dataset, const Recipe& recipe, const Place& place,
              const Machine& machine, const par::Communicator& team) {
    validate(recipe);
    at::set_num_threads(machine.threads);
    set_deterministic();
    return Trainer(learner, network, dataset, recipe, place, machine, team).run();
}

Outcome train(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
              const Place& place, const Machine& machine, const par::Communicator& team) {
    NetworkLearner learner(network, start, recipe, machine.device, team);
    return train(learner, network, dataset, recipe, place, machine, team);
}

}  // namespace orograph::train
