#include "fixtures.hpp"

#include <gtest/gtest.h>

namespace orograph::evaluate {

namespace {

struct Case {
    std::string architecture;
    int channels;
    Loss loss;
    Kind kind;
    std::int64_t images;
};

std::ostream& operator<<(std::ostream& out, const Case& value) {
    return out << value.architecture << ", " << value.channels << " channels, " << (value.loss == Loss::mse ? "mse" : "cross_entropy")
               << ", " << (value.kind == Kind::compiled ? "compiled" : "reference");
}

class Accuracy : public testing::TestWithParam<Case> {};

// issue: relative loss difference to float64 below 1e-5 at every point, far-away ones with huge losses included; accuracy exactly.
TEST_P(Accuracy, IsThatOfAFloat64Evaluation) {
    const Case& p = GetParam();
    const auto network = model::build_network(p.architecture, p.channels, 10);
    const auto centre = random_weights(network, 11);
    const auto split = random_split(network, p.images, 12);
    const auto evaluator = make_evaluator(network, {.loss = p.loss, .kind = p.kind, .threads = 2});
    const int number = evaluator->add_split(split);
    double largest = 0;
    int compared = 0;
    const double farthest = p.architecture == "mlp" ? 20 : 8;  // beyond, 20 layers overflow float32
    for (const double amplitude : {0.0, 0.05, 0.2, 0.5, 1.0, 3.0, farthest}) {
        const auto point = moved(network, centre, amplitude, 13);
        const BatchSum expected = float64_sum(network, point, split, p.loss);
        const auto sums = evaluator->evaluate(point, number, never);
        ASSERT_EQ(static_cast<std::int64_t>(sums.size()), (p.images + evaluator->batch() - 1) / evaluator->batch());
        const BatchSum sum = total(sums);
        EXPECT_LT(std::abs(sum.loss / expected.loss - 1), 1e-5) << "amplitude " << amplitude << ", mean loss " << expected.loss / p.images;
        EXPECT_EQ(sum.correct, expected.correct) << "amplitude " << amplitude;
        largest = std::max(largest, expected.loss / static_cast<double>(p.images));
        ++compared;
    }
    EXPECT_EQ(compared, 7);
    if (p.loss == Loss::cross_entropy) {
        EXPECT_GT(largest, 1e3);
    }
}

INSTANTIATE_TEST_SUITE_P(Compiled, Accuracy,
                         testing::Values(Case{"resnet20", 1, Loss::cross_entropy, Kind::compiled, 37},
                                         Case{"resnet20", 3, Loss::cross_entropy, Kind::compiled, 21},
                                         Case{"resnet20_noshort", 1, Loss::cross_entropy, Kind::compiled, 37},
                                         Case{"resnet20_noshort", 3, Loss::mse, Kind::compiled, 8},
                                         Case{"vgg9", 1, Loss::cross_entropy, Kind::compiled, 17},
                                         Case{"vgg9", 3, Loss::mse, Kind::compiled, 9}, Case{"mlp", 1, Loss::mse, Kind::compiled, 137},
                                         Case{"mlp", 3, Loss::cross_entropy, Kind::compiled, 1}));

INSTANTIATE_TEST_SUITE_P(Reference, Accuracy,
                         testing::Values(Case{"resnet20", 3, Loss::mse, Kind::reference, 37},
                                         Case{"resnet20_noshort", 1, Loss::cross_entropy, Kind::reference, 37},
                                         Case{"vgg9", 1, Loss::cross_entropy, Kind::reference, 9},
                                         Case{"mlp", 3, Loss::cross_entropy, Kind::reference, 257}));

}  // namespace

}  // namespace orograph::evaluate
