#include "orograph/landscape/curve_measurement.hpp"

#include "fixtures.hpp"

#include "orograph/landscape/checkpoint_list.hpp"
#include "orograph/landscape/curve.hpp"
#include "orograph/landscape/curve_summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "../core/fresh_folder.hpp"
#include "../train/synthetic.hpp"

namespace orograph::landscape {
namespace {

using ::testing::ElementsAre;
using testing::lively_weights;

TEST(CurveSummary, HasTheMeanOverTheLength) {
    const std::array values{1.0, 3.0, 2.0}, dl{0.0, 1.0, 3.0};
    const auto [min, max, avg, integral] = summarise(values, dl);
    EXPECT_EQ(min, 1);
    EXPECT_EQ(max, 3);
    EXPECT_EQ(avg, 2);
    EXPECT_DOUBLE_EQ(integral, (2 * 1 + 2.5 * 3) / 4);
    EXPECT_EQ(curve_length(dl), 4);
}

TEST(CurveSummary, IsNotANumberWhereAValueIs) {
    const std::array values{1.0, std::nan("")}, dl{0.0, 1.0};
    EXPECT_TRUE(std::isnan(summarise(values, dl).min));
    EXPECT_TRUE(std::isnan(summarise(values, dl).integral));
    const std::array one{5.0}, none{0.0};
    EXPECT_EQ(summarise(one, none).avg, 5);
    EXPECT_TRUE(std::isnan(summarise(one, none).integral));
}

class CurveMeasurementTest : public ::testing::Test {
protected:
    CurveMeasurement make(int shard, int shards) const {
        const auto path = [this] { return std::make_unique<Curve>(CurveKind::bezier, bends_, at::kCPU); };
        auto losses = std::make_unique<LossMeasurement>(
            path(), evaluate::make_evaluator(network_, {.kind = evaluate::Kind::reference, .batch = 8}), dataset_, shard, shards);
        return {std::move(losses), path(), {0, 0.5, 1}, 0.1};
    }
    std::vector<double> record(double t) const {
        auto measurement = make(0, 1);
        const std::vector<std::vector<double>> partials{measurement.partial(std::array{t}, {}, CancelToken())};
        return measurement.record(partials);
    }
    at::Tensor point(double t) const { return Curve(CurveKind::bezier, bends_, at::kCPU).at(std::array{t}).parameters.to(at::kDouble); }

    data::Dataset dataset_ = testing::make_dataset(30, 12);
    model::Network network_ = model::build_network("lenet5", 1, 10);
    std::vector<model::Weights> bends_{lively_weights(network_, 1), lively_weights(network_, 2), lively_weights(network_, 3)};
};

TEST_F(CurveMeasurementTest, NamesItsFields) {
    std::vector<std::string> names;
    const auto measurement = make(0, 1);
    for (const Field& field : measurement.fields()) names.push_back(field.name);
    EXPECT_THAT(names, ElementsAre("train_nll", "train_loss", "train_acc", "test_nll", "test_loss", "test_acc", "norm", "dl"));
}

TEST_F(CurveMeasurementTest, AddsTheTermOfTheWeightDecayAndTheLengths) {
    const auto values = record(0.5);
    const double norm = point(0.5).norm().item<double>(), step = (point(0.5) - point(0)).norm().item<double>();
    ASSERT_EQ(values.size(), 8U);
    EXPECT_NEAR(values[6], norm, 1e-9 * norm);
    EXPECT_NEAR(values[7], step, 1e-9 * step);
    EXPECT_NEAR(values[1] - values[0], 0.05 * norm * norm, 1e-9);
    EXPECT_NEAR(values[4] - values[3], 0.05 * norm * norm, 1e-9);
    EXPECT_EQ(record(0)[7], 0);
}

// Whatever was measured before, and by whom.
TEST_F(CurveMeasurementTest, IsBitwiseTheSameInEveryOrderAndForAnyNumberOfShards) {
    auto forth = make(0, 1), back = make(0, 1);
    std::vector<std::vector<double>> records;
    const std::array ts{0.0, 0.5, 1.0};
    for (const double t : ts) {
        const std::vector<std::vector<double>> partials{forth.partial(std::array{t}, {}, CancelToken())};
        records.push_back(forth.record(partials));
    }
    for (std::size_t i = ts.size(); i-- > 0;) {
        const std::vector<std::vector<double>> partials{back.partial(std::array{ts[i]}, {}, CancelToken())};
        EXPECT_EQ(back.record(partials), records[i]);
        std::vector<std::vector<double>> of_three;
        for (int shard = 0; shard < 3; ++shard) of_three.push_back(make(shard, 3).partial(std::array{ts[i]}, {}, CancelToken()));
        EXPECT_EQ(make(0, 3).record(of_three), records[i]);
    }
    EXPECT_EQ(records.size(), 3U);
}

TEST_F(CurveMeasurementTest, HasNoPartWhenCancelled) {
    CancelToken cancel;
    cancel.cancel();
    EXPECT_TRUE(make(0, 1).partial(std::array{0.5}, {}, cancel).empty());
}

TEST(CheckpointList, LoadsEachAndSeesWhenOneChanges) {
    const auto network = model::build_network("lenet5", 1, 10);
    const testing_support::FreshFolder folder;
    std::vector<CheckpointFile> files;
    for (const std::uint64_t seed : {1, 2}) {
        const auto weights = lively_weights(network, seed);
        files.push_back({folder / std::to_string(seed), model::fingerprint(network, weights)});
        model::save_weights(files.back().source, network, weights, {});
    }
    CheckpointList list(network, files, at::kCPU);
    EXPECT_TRUE(at::equal(list.at(std::array{1.0}).parameters, lively_weights(network, 2).parameters));
    EXPECT_TRUE(at::equal(list.at(std::array{0.0}).parameters, lively_weights(network, 1).parameters));
    EXPECT_EQ(list.space(), nullptr);
    std::filesystem::copy_file(files[0].source, files[1].source, std::filesystem::copy_options::overwrite_existing);
    const auto [code, message] = testing::error_of([&] { list.at(std::array{1.0}); });
    EXPECT_EQ(code, ExitCode::data);
    EXPECT_THAT(message, ::testing::HasSubstr("was changed"));
}

}  // namespace
}  // namespace orograph::landscape
