#include "fixtures.hpp"

#include "orograph/landscape/measurement.hpp"
#include "orograph/model/forward.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "../train/synthetic.hpp"

namespace orograph::landscape {
namespace {

using testing::lively_weights;
using testing::make_dataset;
using testing::raw_direction;

class LossMeasurementTest : public ::testing::TestWithParam<std::pair<std::string, evaluate::Kind>> {
protected:
    LossMeasurementTest() : network_(model::build_network(GetParam().first, 1, 10)), centre_(model::initial_weights(network_, 1)) {
        for (const std::uint64_t seed : {1, 2}) directions_.push_back(random_direction(network_, centre_, {.seed = seed}));
    }

    LossMeasurement make(int shard, int shards, evaluate::Loss loss = evaluate::Loss::cross_entropy) {
        return {std::make_unique<AffineSubspace>(centre_, directions_, at::kCPU),
                evaluate::make_evaluator(network_, {.loss = loss, .kind = GetParam().second, .batch = 8}),
                dataset_,
                shard,
                shards,
                loss};
    }

    std::vector<double> record(int shards, std::array<double, 2> point) {
        std::vector<std::vector<double>> partials;
        for (int shard = 0; shard < shards; ++shard) partials.push_back(make(shard, shards).partial(point, {}, CancelToken()));
        return make(0, shards).record(partials);
    }

    // The definition (numerics.md section 2) in float64.
    std::vector<double> oracle(std::array<double, 2> point, evaluate::Loss loss = evaluate::Loss::cross_entropy) {
        AffineSubspace plane(centre_, directions_, at::kCPU);
        const model::Weights weights = plane.at(point);
        std::vector<double> values;
        for (const data::Split& split : dataset_.splits) {
            const at::Tensor logits = model::forward(network_, model::views(weights.parameters.to(at::kDouble), network_.space.parameters),
                                                     model::views(weights.states.to(at::kDouble), network_.space.states),
                                                     split.images.to(at::kDouble), model::BatchNormMode::use_states);
            const at::Tensor hot = at::one_hot(split.labels, 10).to(at::kDouble);
            const at::Tensor chosen = at::log_softmax(logits, 1).mul(hot).sum(1);
            const at::Tensor squares = (at::softmax(logits, 1) - hot).square().mean(1);
            values.push_back(loss == evaluate::Loss::mse ? squares.mean().item<double>() : -chosen.mean().item<double>());
            values.push_back(100.0 * (logits.argmax(1) == split.labels).sum().item<double>() / static_cast<double>(split.size()));
        }
        return values;
    }

    data::Dataset dataset_ = make_dataset(61, 21);  // 8 and 3 batches of 8, the last ones short
    model::Network network_;
    model::Weights centre_;
    std::vector<Direction> directions_;
};

TEST_P(LossMeasurementTest, AgreesWithThePlainFloat64Loop) {
    int compared = 0;
    for (const auto& point : {std::array{0.0, 0.0}, std::array{0.3, -0.2}, std::array{-1.0, 1.0}}) {
        const auto values = record(1, point), expected = oracle(point);
        ASSERT_EQ(values.size(), 4U);
        for (std::size_t i = 0; i < 4; ++i, ++compared) EXPECT_NEAR(values[i], expected[i], 1e-5 * std::abs(expected[i])) << "field " << i;
        EXPECT_GT(expected[0], 0);
    }
    EXPECT_EQ(compared, 12);
}

// Up to more shards than the test split (3) and the train split (8) have batches.
TEST_P(LossMeasurementTest, IsBitwiseTheSameForAnyNumberOfShards) {
    const std::array point{0.25, -0.5};
    const auto expected = record(1, point);
    for (const int shards : {2, 3, 5, 9}) EXPECT_EQ(record(shards, point), expected) << shards << " shards";
}

TEST_P(LossMeasurementTest, HasAPartEvenWithoutABatchButNoneWhenCancelled) {
    CancelToken cancel;
    EXPECT_FALSE(make(8, 9).partial(std::array{0.0, 0.0}, {}, cancel).empty());
    cancel.cancel();
    EXPECT_TRUE(make(0, 1).partial(std::array{0.0, 0.0}, {}, cancel).empty());
}

// As a parametrisation that is no affine space: the evaluator gets whole weights.
class WholeWeights : public Parametrisation {
public:
    explicit WholeWeights(std::unique_ptr<Parametrisation> inner) : inner_(std::move(inner)) {}
    int dimensions() const override { return inner_->dimensions(); }
    const model::Weights& at(std::span<const double> coordinates) override { return inner_->at(coordinates); }

private:
    std::unique_ptr<Parametrisation> inner_;
};

TEST_P(LossMeasurementTest, IsBitwiseTheSameForWholeWeightsAndWithHints) {
    LossMeasurement whole(std::make_unique<WholeWeights>(std::make_unique<AffineSubspace>(centre_, directions_, at::kCPU)),
                          evaluate::make_evaluator(network_, {.kind = GetParam().second, .batch = 8}), dataset_, 0, 1);
    auto moving = make(0, 1);
    int compared = 0;
    const std::vector<std::array<double, 2>> points{{0.3, -0.2}, {-1, 1}, {0, 0}};
    for (std::size_t i = 0; i < points.size(); ++i, ++compared) {
        const auto expected = whole.partial(points[i], {}, CancelToken());
        EXPECT_EQ(moving.partial(points[i], points[(i + 1) % points.size()], CancelToken()), expected);
        EXPECT_EQ(expected.size(), 1U + 2 * (8 + 3));
    }
    EXPECT_EQ(compared, 3);
}

TEST_P(LossMeasurementTest, NamesItsFields) {
    const auto measurement = make(0, 1);
    std::vector<std::string> names;
    for (const Field& field : measurement.fields()) names.push_back(field.name + " " + field.units);
    EXPECT_EQ(names, (std::vector<std::string>{"train_loss nat", "train_acc percent", "test_loss nat", "test_acc percent"}));
    EXPECT_EQ(measurement.fields()[0].long_name, "mean cross-entropy on train");
}

TEST_P(LossMeasurementTest, MeasuresMeanSquaredError) {
    auto measurement = make(0, 1, evaluate::Loss::mse);
    const std::array point{0.1, 0.1};
    const std::vector<std::vector<double>> partials{measurement.partial(point, {}, CancelToken())};
    const auto values = measurement.record(partials), expected = oracle(point, evaluate::Loss::mse);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(values[i], expected[i], 1e-5 * std::abs(expected[i])) << "field " << i;
    EXPECT_EQ(measurement.fields()[0].units, "1");
}

INSTANTIATE_TEST_SUITE_P(Networks, LossMeasurementTest,
                         ::testing::Values(std::pair{"mlp", evaluate::Kind::reference}, std::pair{"resnet20", evaluate::Kind::reference},
                                           std::pair{"resnet20_noshort", evaluate::Kind::compiled}),
                         [](const auto& info) {
                             return info.param.first + (info.param.second == evaluate::Kind::compiled ? "_compiled" : "_reference");
                         });

}  // namespace
}  // namespace orograph::landscape
