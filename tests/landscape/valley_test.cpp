// Two networks trained from different seeds lie behind a barrier on the straight segment between them, and a trained curve goes round it:
// the claim of Garipov et al. 2018, sec. 1, on a few hundred images.
#include "small_network.hpp"
#include "synthetic.hpp"

#include "orograph/evaluate/evaluator.hpp"
#include "orograph/landscape/curve_training.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace orograph::landscape {
namespace {

using testing::TemporaryFolder;

class Valley : public ::testing::Test {
protected:
    Valley() {
        data::Source source;
        source.limit = 256;
        source.splits = {"train"};
        dataset_ = data::load(source);
        recipe_.lr = 0.05;
        recipe_.nesterov = false;
        recipe_.schedule = train::Schedule::garipov;
        recipe_.weight_decay = 0;
        recipe_.batch = 64;
        recipe_.augmentation = {0, false};
    }

    // A network trained from a seed of its own.
    model::Weights train_end(const model::Network& network, std::uint64_t seed) {
        recipe_.seed = seed;
        recipe_.epochs = 18;
        const TemporaryFolder folder;
        const auto outcome =
            train::train(network, model::initial_weights(network, seed), dataset_, recipe_, {folder / "run", {{"run", "end"}}}, machine_);
        return model::load_weights(outcome.final_weights, network);
    }

    std::vector<model::Weights> train_curve(const model::Network& network, const CurveStart& start) {
        recipe_.seed = 3;
        recipe_.epochs = 60;
        const TemporaryFolder folder;
        const auto learner = make_curve_learner(network, start, recipe_, at::kCPU);
        train::train(*learner, network, dataset_, recipe_, {folder / "run", {{"run", "curve"}}}, machine_);
        std::vector<model::Weights> points;
        for (int j = 0; j < start.bends + 2; ++j)
            points.push_back(model::load_weights(folder / ("run/bend-" + std::to_string(j) + ".safetensors"), network));
        return points;
    }

    // Train losses at t = 0, 0.1 ... 1, batch norm recalibrated at each.
    std::vector<double> losses(const model::Network& network, CurveKind kind, const std::vector<model::Weights>& points) const {
        const auto evaluator = evaluate::make_evaluator(network, {.threads = 1});
        evaluator->set_recalibration(dataset_.splits[0], recipe_.batch);
        const int split = evaluator->add_split(dataset_.splits[0]);
        Curve curve(kind, points, at::kCPU);
        std::vector<double> values;
        for (int k = 0; k <= 10; ++k) {
            evaluator->set_weights(curve.at(std::array{k / 10.0}));
            evaluator->recalibrate({});
            double sum = 0;
            for (const auto& batch : evaluator->evaluate(split, {})) sum += batch.loss;
            values.push_back(sum / static_cast<double>(dataset_.splits[0].size()));
        }
        return values;
    }

    void expect_valley(const model::Network& network, CurveKind kind) {
        const CurveStart start{kind, {train_end(network, 1), train_end(network, 2)}};
        const auto straight = losses(network, CurveKind::polychain, {start.ends[0], start.ends[1]});
        const auto along = losses(network, kind, train_curve(network, start));
        const double worse_end = std::max(along.front(), along.back());
        EXPECT_GT(std::ranges::max(straight), 5 * worse_end);
        EXPECT_LT(std::ranges::max(along), 1.3 * worse_end);
    }

    data::Dataset dataset_;
    train::Recipe recipe_;
    const train::Machine machine_{.threads = 1, .progress = "none"};
};

TEST_F(Valley, OfPerceptrons) {
    expect_valley(model::build_network("mlp", 1, 10), CurveKind::bezier);
}

TEST_F(Valley, OfConvolutionalNetworksWithBatchNorm) {
    expect_valley(testing::small_convolutional_network(), CurveKind::polychain);
}

}  // namespace
}  // namespace orograph::landscape
