#pragma once

#include "orograph/evaluate/evaluator.hpp"
#include "orograph/par/communicator.hpp"
#include "orograph/train/learner.hpp"
#include "orograph/train/trainer.hpp"

#include <memory>
#include <vector>

namespace orograph::train {

// Error(config) where there is none.
const data::Split& train_split(const data::Dataset& dataset);

// Loss and accuracy of a learner's weights on whole splits, whose batches the team shares. The evaluator keeps its own copy of the data, so
// a judge is made when the first epoch ends. Where batch norm is to be recalibrated each rank does it by itself, on all training images in
// batches of the recipe's size.
class Judge {
public:
    Judge(const model::Network& network, const data::Dataset& dataset, const Recipe& recipe, const Machine& machine,
          const par::Communicator& team, bool recalibrates);

    // Collective over the team. False where `cancel` was set meanwhile on any rank.
    bool judge(const model::Weights& weights, const CancelToken& cancel, EpochRecord& record);

private:
    struct Part {
        std::int64_t images = 0;  // of the whole split; 0: there is none
        int number = -1;          // of this rank's batches in the evaluator; -1: it has none
    };

    Part add(const data::Split* split);
    bool judge(const Part& part, const CancelToken& cancel, double& loss, double& accuracy);
    std::vector<evaluate::BatchSum> gather(const std::vector<evaluate::BatchSum>& own) const;

    const par::Communicator team_;
    bool recalibrates_;
    std::unique_ptr<evaluate::Evaluator> evaluator_;
    Part train_, test_;
};

}  // namespace orograph::train
