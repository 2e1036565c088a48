#include "fixtures.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace orograph::landscape {
namespace {

using testing::error_of;
using testing::lively_weights;
using testing::raw_direction;

class AlgebraTest : public ::testing::Test {
protected:
    model::Network network_ = model::build_network("resnet20", 1, 10);
    model::Weights centre_ = lively_weights(network_, 1);
    Direction a_ = raw_direction(network_, centre_, 1, Space::states);
    Direction b_ = raw_direction(network_, centre_, 2, Space::states);
};

double oracle_cosine(const Direction& a, const Direction& b) {
    const auto all = [](const Direction& d) { return at::cat({d.delta.parameters, d.delta.states}).to(at::kDouble); };
    return (all(a).dot(all(b)) / (all(a).norm() * all(b).norm())).item<double>();
}

TEST_F(AlgebraTest, CosineIsOverParametersAndStates) {
    b_.delta.parameters.add_(a_.delta.parameters, 0.5);
    EXPECT_NEAR(cosine(a_, b_), oracle_cosine(a_, b_), 1e-12);
    EXPECT_GT(cosine(a_, b_), 0.3);
    EXPECT_NEAR(cosine(a_, a_), 1, 1e-12);
    a_.delta.parameters.zero_();
    a_.delta.states.zero_();
    EXPECT_EQ(cosine(a_, b_), 0);
}

TEST_F(AlgebraTest, OrthogonalizeTakesOutThePartAlongTheFirst) {
    b_.delta.parameters.add_(a_.delta.parameters, 3);
    b_.delta.states.add_(a_.delta.states, 3);
    const Direction before{b_.delta.clone(), b_.spec};
    orthogonalize(a_, b_);
    EXPECT_LT(std::abs(oracle_cosine(a_, b_)), 1e-7);
    const at::Tensor taken = before.delta.parameters.to(at::kDouble) - b_.delta.parameters.to(at::kDouble);
    const at::Tensor multiple = taken / a_.delta.parameters.to(at::kDouble);
    EXPECT_NEAR(multiple.median().item<double>(), 3, 0.02);
}

TEST_F(AlgebraTest, OrthogonalizeRefusesParallelDirections) {
    Direction same{a_.delta.clone(), a_.spec};
    same.delta.parameters.mul_(-2);
    same.delta.states.mul_(-2);
    EXPECT_EQ(error_of([&] { orthogonalize(a_, same); }).first, ExitCode::config);
}

TEST_F(AlgebraTest, FingerprintSeesEveryPart) {
    const std::string before = fingerprint(a_);
    EXPECT_EQ(fingerprint({a_.delta.clone(), a_.spec}), before);
    a_.delta.states[-1].add_(1e-3);
    const std::string moved = fingerprint(a_);
    EXPECT_NE(moved, before);
    a_.delta.parameters[5].add_(1e-3);
    EXPECT_NE(fingerprint(a_), moved);
}

TEST(DirectionWords, AreReadAndWritten) {
    int words = 0;
    for (const std::string word : {"none", "filter", "layer", "weight", "dfilter", "dlayer"}) {
        words += to_string(normalize_from(word)) == word;
    }
    for (const std::string word : {"none", "biasbn", "li-compat"}) words += to_string(ignore_from(word)) == word;
    for (const std::string word : {"parameters", "states"}) words += to_string(space_from(word)) == word;
    EXPECT_EQ(words, 11);
    const auto [code, message] = error_of([] { normalize_from("fliter"); });
    EXPECT_EQ(code, ExitCode::config);
    EXPECT_NE(message.find("none, filter, layer, weight, dfilter, dlayer"), std::string::npos) << message;
}

}  // namespace
}  // namespace orograph::landscape
