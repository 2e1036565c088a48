#include "orograph/gpu/losses.hpp"

#include "orograph/core/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace orograph::gpu {

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// By the definitions, in long double, without the shift by the maximum: logits are small enough.
long double plain_cross_entropy(const float* row, int classes, std::int64_t label) {
    long double sum = 0;
    for (int k = 0; k < classes; ++k) sum += std::exp(static_cast<long double>(row[k]));
    return std::log(sum) - row[label];
}

long double plain_squared_error(const float* row, int classes, std::int64_t label) {
    long double sum = 0, result = 0;
    for (int k = 0; k < classes; ++k) sum += std::exp(static_cast<long double>(row[k]));
    for (int k = 0; k < classes; ++k) result += std::pow(std::exp(static_cast<long double>(row[k])) / sum - (k == label ? 1 : 0), 2);
    return result / classes;
}

TEST(LossSums, AgreeWithTheDefinitions) {
    constexpr int classes = 10;
    constexpr std::int64_t count = 129;
    std::vector<float> logits(count * classes);
    CounterRandom(1, 0).fill_normal(logits);
    for (float& logit : logits) logit *= 8;
    std::vector<std::int64_t> labels(count);
    long double cross_entropy = 0, squared_error = 0;
    double correct = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const float* row = logits.data() + i * classes;
        labels[i] = static_cast<std::int64_t>(CounterRandom(2, 0).below(classes, static_cast<std::uint64_t>(i)));
        cross_entropy += plain_cross_entropy(row, classes, labels[i]);
        squared_error += plain_squared_error(row, classes, labels[i]);
        int larger = 0;
        for (int k = 0; k < classes; ++k) larger += row[k] > row[labels[i]] ? 1 : 0;
        correct += larger == 0 ? 1 : 0;
    }
    ASSERT_GT(correct, 0);
    ASSERT_LT(correct, static_cast<double>(count));
    const LossSum ce = sum_losses_cpu(logits.data(), labels.data(), count, classes, LossKind::cross_entropy);
    const LossSum mse = sum_losses_cpu(logits.data(), labels.data(), count, classes, LossKind::mse);
    EXPECT_NEAR(ce.loss, static_cast<double>(cross_entropy), 1e-13 * static_cast<double>(cross_entropy));
    EXPECT_NEAR(mse.loss, static_cast<double>(squared_error), 1e-13 * static_cast<double>(squared_error));
    EXPECT_EQ(ce.correct, correct);
    EXPECT_EQ(mse.correct, correct);
}

LossSum of_one(const std::vector<float>& row, std::int64_t label, LossKind kind = LossKind::cross_entropy) {
    return sum_losses_cpu(row.data(), &label, 1, static_cast<int>(row.size()), kind);
}

TEST(LossSums, KeepTheDigitsOfTinyAndHugeLosses) {
    EXPECT_DOUBLE_EQ(of_one({0, 50}, 1).loss, std::exp(-50.0));
    EXPECT_DOUBLE_EQ(of_one({1e30F, -1e30F}, 1).loss, 2.0 * static_cast<double>(1e30F));
    EXPECT_DOUBLE_EQ(of_one({1e30F, -1e30F}, 1, LossKind::mse).loss, 1.0);
}

TEST(LossSums, PredictTheLowestIndexOfEqualLogits) {
    EXPECT_EQ(of_one({1, 2, 2}, 1).correct, 1);
    EXPECT_EQ(of_one({1, 2, 2}, 2).correct, 0);
}

TEST(LossSums, TreatNonFiniteLogitsAsTorchDoes) {
    EXPECT_TRUE(std::isnan(of_one({1, nan, 5, nan}, 0).loss));
    EXPECT_TRUE(std::isnan(of_one({1, nan, 5, nan}, 0, LossKind::mse).loss));
    EXPECT_EQ(of_one({1, nan, 5, nan}, 1).correct, 1);  // torch.argmax: the first NaN
    EXPECT_EQ(of_one({1, nan, 5, nan}, 2).correct, 0);
    EXPECT_TRUE(std::isnan(of_one({1, inf}, 0).loss));  // torch.log_softmax: inf - inf
    EXPECT_EQ(of_one({1, -inf}, 1).loss, inf);
    EXPECT_EQ(of_one({1, -inf}, 0).loss, 0);
}

TEST(AllFinite, FindsOneInfinityOrNanAnywhere) {
    std::vector<float> values(37, std::numeric_limits<float>::max());
    values[3] = -std::numeric_limits<float>::max();
    values[4] = std::numeric_limits<float>::denorm_min();
    EXPECT_TRUE(all_finite_cpu(values.data(), values.size()));
    EXPECT_TRUE(all_finite_cpu(values.data(), 0));
    int found = 0;
    for (const float bad : {inf, -inf, nan, -nan})
        for (std::size_t i = 0; i < values.size(); ++i, ++found) {
            auto copy = values;
            copy[i] = bad;
            ASSERT_FALSE(all_finite_cpu(copy.data(), copy.size())) << bad << " at " << i;
        }
    EXPECT_EQ(found, 4 * 37);
}

}  // namespace

}  // namespace orograph::gpu
