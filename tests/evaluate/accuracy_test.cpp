#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

struct Case {
    std::string architecture;
    int channels;
    Loss loss;
    std::int64_t images;
    double farthest;  // 110 layers multiply float32's rounding beyond 1e-5 at losses of 1e26, in every evaluator; 56 overflow beyond 1
};

std::ostream& operator<<(std::ostream& out, const Case& value) {
    return out << value.architecture << ", " << value.channels << " channels, " << (value.loss == Loss::mse ? "mse" : "cross_entropy");
}

class Accuracy : public testing::TestWithParam<Case> {
protected:
    Accuracy()
        : network_(model::build_network(GetParam().architecture, GetParam().channels, 10)),
          centre_(random_weights(network_, 11)),
          split_(random_split(network_, GetParam().images, 12)) {
        for (const Kind kind : {Kind::compiled, Kind::reference}) {
            evaluators_.push_back(make_evaluator(network_, {.loss = GetParam().loss, .kind = kind, .threads = 2}));
            evaluators_.back()->add_split(split_);
        }
    }

    void expect_sum(Evaluator& evaluator, const model::Weights& point, const BatchSum& expected) {
        const auto sums = evaluator.evaluate(point, 0, never);
        EXPECT_EQ(static_cast<std::int64_t>(sums.size()), (split_.size() + evaluator.batch() - 1) / evaluator.batch());
        const BatchSum sum = total(sums);
        EXPECT_LT(std::abs(sum.loss / expected.loss - 1), 1e-5) << evaluator.identity() << ", sum of losses " << expected.loss;
        EXPECT_EQ(sum.correct, expected.correct) << evaluator.identity() << ", sum of losses " << expected.loss;
    }

    model::Network network_;
    model::Weights centre_;
    data::Split split_;
    std::vector<std::unique_ptr<Evaluator>> evaluators_;
};

// Both evaluators against the plain network in float64: at the centre, near it, and so far away that losses are huge.
TEST_P(Accuracy, IsThatOfAFloat64Evaluation) {
    double largest = 0;
    int compared = 0;
    for (const double amplitude : {0.0, 0.1, 0.3, 1.0, 3.0, 8.0, 50.0}) {
        if (amplitude > GetParam().farthest) continue;
        const auto point = moved(network_, centre_, amplitude, 13);
        const BatchSum expected = float64_sum(network_, point, split_, GetParam().loss);
        for (const auto& evaluator : evaluators_) {
            expect_sum(*evaluator, point, expected);
            ++compared;
        }
        largest = std::max(largest, expected.loss / static_cast<double>(split_.size()));
    }
    EXPECT_GE(compared, 6);
    if (GetParam().loss == Loss::cross_entropy && GetParam().farthest >= 1) {
        EXPECT_GT(largest, 1e3);
    }
}

INSTANTIATE_TEST_SUITE_P(Networks, Accuracy,
                         testing::Values(Case{"resnet20", 1, Loss::cross_entropy, 37, 8}, Case{"resnet20", 3, Loss::mse, 13, 8},
                                         Case{"resnet20_noshort", 3, Loss::cross_entropy, 19, 8}, Case{"vgg9", 1, Loss::mse, 8, 8},
                                         Case{"vgg9", 3, Loss::cross_entropy, 9, 8}, Case{"resnet56", 1, Loss::cross_entropy, 7, 1},
                                         Case{"resnet110_noshort", 3, Loss::cross_entropy, 4, 0.3},
                                         Case{"vgg16bn", 3, Loss::cross_entropy, 5, 8}, Case{"vgg16", 1, Loss::mse, 3, 8},
                                         Case{"wrn56_2", 1, Loss::mse, 3, 1}, Case{"mlp", 1, Loss::mse, 137, 50},
                                         Case{"mlp", 3, Loss::cross_entropy, 1, 50}));

}  // namespace

}  // namespace orograph::evaluate
