#include "factories.hpp"
#include "fixtures.hpp"

#include "orograph/gpu/device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace orograph::evaluate {

namespace {

using Sums = std::vector<BatchSum>;

bool same_bits(const Sums& a, const Sums& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(BatchSum)) == 0;
}

// The evaluator on a GPU, and, without one, the same code on the CPU's versions of its operations: layout, folding, projections, the proof
// of finiteness, recordings and points. What only a GPU runs are the kernels, cuDNN's calls, streams and graphs.
class OnDevice {
public:
    OnDevice(const char* architecture, at::DeviceType type)
        : device_(type), network_(model::build_network(architecture, 3, 10)), centre_(random_weights(network_, 51)) {}

    // Small on the CPU, whose convolutions take their time.
    std::int64_t batch() const { return device_.is_cuda() ? 16 : 2; }
    data::Split split(std::uint64_t seed) const { return random_split(network_, 2 * batch() + 1, seed); }  // three batches
    data::Split long_split(std::uint64_t seed) const {
        return random_split(network_, 10 * batch() - 1, seed);
    }  // ten batches in five chunks

    std::unique_ptr<Evaluator> make(Precision precision = Precision::fp32, Launch launch = Launch::graphs) const {
        if (device_.is_cuda()) make_evaluator(network_, {.kind = Kind::reference, .device = device_});  // sets LibTorch to IEEE float32
        return make_compiled_cuda(network_, {.precision = precision, .device = device_, .batch = batch()}, launch);
    }

    Sums evaluate(Evaluator& evaluator, const model::Weights& weights, int split) const {
        return evaluator.evaluate(weights.to(device_), split, never);
    }

    AffineSpace space(int directions) const {
        AffineSpace space{centre_.to(device_)};
        for (int k = 0; k < directions; ++k) {
            const model::Weights other = moved(network_, centre_, 0.3, 60 + static_cast<std::uint64_t>(k));
            model::Weights delta{other.parameters - centre_.parameters, at::full_like(centre_.states, 0.01 * (k + 1))};
            space.directions.push_back({delta.to(device_), k % 2 == 1});
        }
        return space;
    }

    at::Device device_;
    model::Network network_;
    model::Weights centre_;
};

class Cuda : public testing::TestWithParam<std::tuple<const char*, at::DeviceType>> {
protected:
    void SetUp() override {
        if (std::get<1>(GetParam()) == at::kCUDA && gpu::device_count() == 0)
            GTEST_SKIP() << "no CUDA device: kernels, cuDNN calls, streams and graphs are compiled and linked, but not run";
        on_.emplace(std::get<0>(GetParam()), std::get<1>(GetParam()));
    }

    std::optional<OnDevice> on_;
};

void expect_near(const OnDevice& on, Precision precision, double tolerance, std::vector<double> amplitudes, double wanted_loss) {
    const auto split = on.split(52);
    const auto evaluator = on.make(precision);
    const int number = evaluator->add_split(split);
    double largest = 0;
    int compared = 0;
    for (const double amplitude : amplitudes) {
        const auto point = moved(on.network_, on.centre_, amplitude, 53);
        const BatchSum expected = float64_sum(on.network_, point, split, Loss::cross_entropy);
        const Sums sums = on.evaluate(*evaluator, point, number);
        ASSERT_EQ(sums.size(), 3U);
        EXPECT_LT(std::abs(total(sums).loss / expected.loss - 1), tolerance) << "amplitude " << amplitude << ", loss " << expected.loss;
        if (precision == Precision::fp32) {
            EXPECT_EQ(total(sums).correct, expected.correct) << "amplitude " << amplitude;
        }
        largest = std::max(largest, expected.loss / static_cast<double>(split.size()));
        ++compared;
    }
    EXPECT_EQ(compared, std::ssize(amplitudes));
    EXPECT_GT(largest, wanted_loss);
}

TEST_P(Cuda, AgreesWithAFloat64Evaluation) {
    const double farthest = on_->network_.architecture == "mlp" ? 50 : 8;  // 20 layers overflow beyond 8
    expect_near(*on_, Precision::fp32, 1e-5, {0, 0.05, 0.3, 1, 3, farthest}, 1e3);
}

// Products of 10 bits and values of 7: a loss near the centre keeps two digits.
TEST_P(Cuda, Tf32IsNearAFloat64Evaluation) {
    expect_near(*on_, Precision::tf32, 2e-2, {0, 0.05, 0.3, 1, 3}, 2);
}

TEST_P(Cuda, Bf16IsNearAFloat64Evaluation) {
    expect_near(*on_, Precision::bf16, 0.1, {0, 0.05, 0.3}, 1);
}

TEST_P(Cuda, AgreesWithTheReferenceEvaluator) {
    const auto split = on_->split(52);
    const auto reference = make_evaluator(on_->network_, {.kind = Kind::reference, .device = on_->device_, .batch = on_->batch()});
    const auto compiled = on_->make();
    const int at_reference = reference->add_split(split), at_compiled = compiled->add_split(split);
    int compared = 0;
    for (const double amplitude : {0.0, 0.3, 1.0}) {
        const auto point = moved(on_->network_, on_->centre_, amplitude, 54);
        const Sums expected = on_->evaluate(*reference, point, at_reference), sums = on_->evaluate(*compiled, point, at_compiled);
        ASSERT_EQ(sums.size(), expected.size());
        for (std::size_t i = 0; i < sums.size(); ++i, ++compared) {
            EXPECT_NEAR(sums[i].loss, expected[i].loss, 1e-5 * expected[i].loss);
            EXPECT_EQ(sums[i].correct, expected[i].correct);
        }
        const bool plain = same_bits(sums, expected) && on_->network_.architecture != "mlp";
        EXPECT_FALSE(plain) << "the plain network computed it once more, though nothing overflowed; amplitude " << amplitude;
    }
    EXPECT_EQ(compared, 9);
}

TEST_P(Cuda, MovingInASpaceIsBitwiseSettingTheWeights) {
    const auto split = on_->split(52);
    for (const int directions : {1, 3, 9}) {  // 9: more than the kernel takes
        const auto whole = on_->make(), moving = on_->make();
        const int at_whole = whole->add_split(split), at_moving = moving->add_split(split);
        moving->set_space(on_->space(directions));
        MovingWeights weights(on_->space(directions));
        const auto coefficients = [&](double first) {
            std::vector<double> all(static_cast<std::size_t>(directions), 0.02);
            all[0] = first;
            return all;
        };
        int compared = 0;
        std::optional<Sums> last;
        for (const double first : {0.0, 0.3, -1.0, 0.3}) {
            moving->move_to(coefficients(first));
            moving->prepare(coefficients(compared == 1 ? 5 : -1.0));  // right for the third point only
            const Sums expected = whole->evaluate(weights.at(coefficients(first)), at_whole, never);
            EXPECT_TRUE(same_bits(moving->evaluate(at_moving, never), expected)) << directions << " directions, " << first;
            EXPECT_TRUE(same_bits(moving->evaluate(at_moving, never), expected)) << "the second time";
            EXPECT_FALSE(last && same_bits(*last, expected)) << "the points are alike";
            last = expected;
            ++compared;
        }
        EXPECT_EQ(compared, 4);
    }
}

TEST_P(Cuda, PreparedPointsAreUsedInAnyOrder) {
    const auto evaluator = on_->make();
    const int number = evaluator->add_split(on_->split(52));
    evaluator->set_space(on_->space(2));
    const std::vector<std::vector<double>> points{{0, 0}, {0.5, 0.1}, {-0.5, 0.2}};
    std::vector<Sums> expected;
    for (const auto& point : points) {
        evaluator->move_to(point);
        expected.push_back(evaluator->evaluate(number, never));
    }
    int compared = 0;
    for (const std::size_t i : {0, 1, 2, 1, 1, 0, 2}) {
        evaluator->prepare(points[i]);
        evaluator->move_to(points[i]);
        evaluator->prepare(points[(i + 1) % 3]);
        evaluator->prepare(points[(i + 2) % 3]);
        EXPECT_TRUE(same_bits(evaluator->evaluate(number, never), expected[i])) << i;
        ++compared;
    }
    EXPECT_EQ(compared, 7);
}

enum class Sort { finite, infinite, nan };

Sort sort_of(double value) {
    return std::isnan(value) ? Sort::nan : std::isinf(value) ? Sort::infinite : Sort::finite;
}

TEST_P(Cuda, NonFinitePointsGiveThePlainNetworksResultAndLeaveNothingBehind) {
    const auto split = on_->split(52);
    const auto reference = make_evaluator(on_->network_, {.kind = Kind::reference, .device = on_->device_, .batch = on_->batch()});
    const auto compiled = on_->make();
    const int at_reference = reference->add_split(split), at_compiled = compiled->add_split(split);
    const Sums before = on_->evaluate(*compiled, on_->centre_, at_compiled);
    std::vector<model::Weights> points;
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
        for (const std::size_t tensor : {std::size_t{0}, on_->network_.space.parameters.size() - 2}) {
            points.push_back(on_->centre_.clone());
            model::views(points.back().parameters, on_->network_.space.parameters)[tensor].view({-1})[0] = value;
        }
    for (const double factor : {1e4, 1e10, 1e20, 1e36}) {
        points.push_back(on_->centre_.clone());
        points.back().parameters.mul_(factor);
    }
    int non_finite = 0;
    for (const auto& point : points) {
        const BatchSum expected = total(on_->evaluate(*reference, point, at_reference));
        const BatchSum sum = total(on_->evaluate(*compiled, point, at_compiled));
        EXPECT_EQ(sort_of(sum.loss), sort_of(expected.loss)) << sum.loss << " instead of " << expected.loss;
        EXPECT_EQ(sum.correct, expected.correct);
        non_finite += std::isfinite(expected.loss) ? 0 : 1;
    }
    EXPECT_GE(non_finite, 5);
    EXPECT_TRUE(same_bits(on_->evaluate(*compiled, on_->centre_, at_compiled), before));
}

TEST_P(Cuda, IsBitwiseRepeatable) {
    const auto split = on_->split(52);
    const auto far = moved(on_->network_, on_->centre_, 3, 55);
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        const auto first = on_->make(precision), second = on_->make(precision);
        const int number = first->add_split(split);
        const Sums expected = on_->evaluate(*first, on_->centre_, number), expected_far = on_->evaluate(*first, far, number);
        const int again = second->add_split(split), other = second->add_split(on_->long_split(56));
        for (int repeat = 0; repeat < 2; ++repeat) {
            EXPECT_TRUE(same_bits(on_->evaluate(*second, far, again), expected_far));
            EXPECT_EQ(on_->evaluate(*second, far, other).size(), 10U);
            EXPECT_TRUE(same_bits(on_->evaluate(*second, on_->centre_, again), expected));
        }
    }
}

TEST_P(Cuda, GraphsAreBitwiseDirectLaunches) {
    const auto split = on_->long_split(52);
    for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
        const auto graphs = on_->make(precision), direct = on_->make(precision, Launch::direct);
        const int at_graphs = graphs->add_split(split), at_direct = direct->add_split(split);
        for (const double amplitude : {0.0, 1.0}) {
            const auto point = moved(on_->network_, on_->centre_, amplitude, 57);
            const Sums sums = on_->evaluate(*graphs, point, at_graphs);
            EXPECT_TRUE(same_bits(sums, on_->evaluate(*direct, point, at_direct)));
            EXPECT_EQ(sums.size(), 10U);
        }
        if (!on_->device_.is_cuda()) break;  // on the CPU both are direct: once, for the chunks
    }
}

TEST_P(Cuda, CancellingLeavesAPrefix) {
    const auto evaluator = on_->make();
    const int number = evaluator->add_split(on_->long_split(52));
    const Sums expected = on_->evaluate(*evaluator, on_->centre_, number);
    CancelToken cancelled;
    cancelled.cancel();
    EXPECT_TRUE(evaluator->evaluate(number, cancelled).empty());
    for (int attempt = 0; attempt < 5; ++attempt) {
        CancelToken cancel;
        std::thread canceller([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(3 * attempt));
            cancel.cancel();
        });
        const Sums sums = evaluator->evaluate(number, cancel);
        canceller.join();
        ASSERT_LE(sums.size(), expected.size());
        EXPECT_TRUE(same_bits(sums, Sums(expected.begin(), expected.begin() + std::ssize(sums))));
    }
    EXPECT_TRUE(same_bits(evaluator->evaluate(number, never), expected));
}

TEST_P(Cuda, AnotherThreadMayEvaluate) {
    const auto evaluator = on_->make();
    const int number = evaluator->add_split(on_->split(52));
    const auto weights = on_->centre_.to(on_->device_);
    Sums elsewhere;
    std::thread([&] { elsewhere = evaluator->evaluate(weights, number, never); }).join();
    EXPECT_TRUE(same_bits(evaluator->evaluate(weights, number, never), elsewhere));
}

TEST_P(Cuda, NamesWhatTheDigitsDependOn) {
    EXPECT_THAT(on_->make(Precision::bf16)->identity(),
                testing::ContainsRegex("compiled libtorch-2\\..* bf16, [0-9]+ of [0-9]+ convolutions fused, batch [0-9]+"));
}

std::string name_of(const testing::TestParamInfo<std::tuple<const char*, at::DeviceType>>& info) {
    return std::string(std::get<0>(info.param)) + (std::get<1>(info.param) == at::kCUDA ? "_cuda" : "_cpu");
}

INSTANTIATE_TEST_SUITE_P(All, Cuda,
                         testing::Combine(testing::Values("resnet20", "resnet20_noshort", "vgg9", "mlp"),
                                          testing::Values(at::kCPU, at::kCUDA)),
                         name_of);

}  // namespace

}  // namespace orograph::evaluate
