#pragma once

#include "orograph/core/error.hpp"
#include "orograph/core/stop.hpp"
#include "orograph/data/augment.hpp"
#include "orograph/data/dataset.hpp"
#include "orograph/model/weights.hpp"
#include "orograph/par/communicator.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace orograph::train {

enum class OptimizerKind { sgd, adam };

// How the learning rate falls. steps: by `factor` at each milestone (Li et al. 2018 sec. 3). garipov: constant for half of the epochs, then
// linearly to a hundredth at 90 % of them, then constant (Garipov et al. 2018 sec. A.2).
enum class Schedule { steps, garipov };

struct Recipe {
    OptimizerKind optimizer = OptimizerKind::sgd;
    double lr = 0.1;
    double momentum = 0.9;                              // sgd
    bool nesterov = true;                               // sgd
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // adam (Kingma & Ba 2015), as torch.optim.Adam
    double weight_decay = 5e-4;                         // added to the gradient, as torch.optim does
    std::int64_t batch = 128;
    int epochs = 300;
    Schedule schedule = Schedule::steps;
    std::vector<int> milestones{150, 225, 275};  // steps: before these epochs (counted from 0) the rate is multiplied by factor
    double factor = 0.1;                         // steps
    data::Augmentation augmentation;
    std::uint64_t seed = 1;
};

// Error(data): the loss turned non-finite.
class Diverged : public Error {
public:
    explicit Diverged(const std::string& message) : Error(ExitCode::data, message) {}
};

struct EpochRecord {
    int epoch = 0;  // 1-based
    double lr = 0;
    // Evaluation mode, all images, no augmentation; accuracies in percent. Of a curve: at t = 1/2, batch norm recalibrated on the train
    // split.
    double train_loss = 0, train_acc = 0;
    double test_loss = 0, test_acc = 0;  // NaN without a test split
};

struct Outcome {
    bool complete = false;  // false: stopped early, start again to go on
    int epochs_done = 0;
    std::vector<EpochRecord> history;
    std::filesystem::path final_weights;
};

// Where the run lives: FOLDER/history.csv, FOLDER/resume.safetensors and FOLDER/resume.previous.safetensors (weights, optimizer state,
// step; mid-epoch too), and the learner's own files: of a network FOLDER/epoch-001.safetensors per epoch and FOLDER/final.safetensors.
struct Place {
    std::filesystem::path folder;
    // Everything that shapes the result, by name: "train.lr" -> "0.1", "data" -> a digest. A folder of a run in which one differs is refused,
    // Error(data) that names it.
    std::map<std::string, std::string> fingerprints;
    bool overwrite = false;  // start anew where the folder holds another run
};

struct Machine {
    int threads = 1;
    at::Device device = at::kCPU;
    double progress_s = 10;
    std::string progress = "auto";
    double save_s = 30;                           // at most about this much work is lost to a kill
    std::function<bool()> stop = stop_requested;  // asked before every step, and by another thread during evaluations
};

class Learner;

// Trains from `start` and writes a checkpoint per epoch; resumes from the newest resume file that is whole, bitwise on the CPU with the
// same numbers of threads and ranks. On machine.stop() it saves the step it has reached and returns with complete = false.
// Collective over `team`, whose ranks share each batch: gradients are summed over ranks, each rank normalises with its own share, and the
// BN statistics are averaged at every step (the weights of the mean are the shares' sizes). Rank 0 alone writes. Diverged: the loss turned
// non-finite; Error(config): impossible recipe; Error(data): the folder holds another run or no whole resume file; Error(cannot_create):
// another job holds the folder; Error(io): disk full, what was saved before is kept. All are thrown on every rank.
Outcome train(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
              const Place& place, const Machine& machine, const par::Communicator& team = {});

// The same for any learner of `network`, on machine.device and made for `team`.
Outcome train(Learner& learner, const model::Network& network, const data::Dataset& dataset, const Recipe& recipe, const Place& place,
              const Machine& machine, const par::Communicator& team = {});

// Seconds of one step on a whole batch (the median of three after two untimed ones; fewer where steps take long), on a copy of `start`.
// Error(config): impossible recipe, or there is no train split.
double measure_step_s(const model::Network& network, const model::Weights& start, const data::Dataset& dataset, const Recipe& recipe,
                      int threads, at::Device device);
double measure_step_s(Learner& learner, const data::Dataset& dataset, const Recipe& recipe, int threads,
                      at::Device device);  // which it moves

// The learning rate of epoch `epoch` (from 0).
double learning_rate(const Recipe& recipe, int epoch);

}  // namespace orograph::train
