#include "factories.hpp"
#include "fixtures.hpp"
#include "recalibration_oracle.hpp"
#include "sketch.hpp"

#include "orograph/gpu/device.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace orograph::evaluate {

namespace {

struct Case {
    const char* name;
    model::Network (*draw)();
};

// The compiled evaluator on a CPU; that of a GPU, there and on plain operations.
enum class Path { cpu, cuda_on_cpu, cuda };

class Operations : public testing::TestWithParam<std::tuple<Case, Path>> {
protected:
    void SetUp() override {
        if (path() == Path::cuda && gpu::device_count() == 0) GTEST_SKIP() << "no CUDA device";
    }

    Path path() const { return std::get<1>(GetParam()); }
    at::Device device() const { return path() == Path::cuda ? at::kCUDA : at::kCPU; }

    std::unique_ptr<Evaluator> make(int threads) const {
        if (path() == Path::cpu) return make_evaluator(network_, {.threads = threads, .batch = 4});
        if (path() == Path::cuda) make_evaluator(network_, {.kind = Kind::reference, .device = device()});  // sets LibTorch to IEEE float32
        return make_compiled_cuda(network_, {.threads = threads, .device = device(), .batch = 4});
    }

    std::vector<BatchSum> evaluate(Evaluator& evaluator, const model::Weights& weights, int split) const {
        return evaluator.evaluate(weights.to(device()), split, never);
    }

    // The plain float32 network on the CPU.
    BatchSum plain_sum(const model::Weights& weights) const {
        const auto reference = make_evaluator(network_, {.kind = Kind::reference, .batch = 4});
        return total(reference->evaluate(weights, reference->add_split(split_), never));
    }

    const model::Network network_ = std::get<0>(GetParam()).draw();
    const model::Weights weights_ = random_weights(network_, 71);
    const data::Split split_ = random_split(network_, 11, 72);  // three batches, the last one short
};

TEST_P(Operations, RecalibrateAsFloat64Does) {
    if (network_.space.states.empty()) GTEST_SKIP() << "a network without batch norm";
    const auto evaluator = make(2);
    evaluator->set_recalibration(split_, 4);
    int compared = 0;
    for (const double amplitude : {0.0, 2.0}) {
        const auto point = moved(network_, weights_, amplitude, 73);
        evaluator->set_weights(point.to(device()));
        const at::Tensor states = evaluator->recalibrate(never).cpu();
        ASSERT_EQ(states.numel(), network_.space.state_count());
        EXPECT_LT(greatest_error(network_, states, float64_states(network_, point, split_.images, 4)), 1e-5);
        ++compared;
    }
    EXPECT_EQ(compared, 2);
}

TEST_P(Operations, AgreeWithAFloat64Evaluation) {
    const auto evaluator = make(2);
    const int number = evaluator->add_split(split_);
    int compared = 0;
    for (const double amplitude : {0.0, 0.3, 2.0}) {
        const auto point = moved(network_, weights_, amplitude, 73);
        const BatchSum expected = float64_sum(network_, point, split_, Loss::cross_entropy);
        const auto sums = evaluate(*evaluator, point, number);
        ASSERT_EQ(sums.size(), 3U);
        EXPECT_LT(std::abs(total(sums).loss / expected.loss - 1), 1e-5) << "amplitude " << amplitude << ", loss " << expected.loss;
        EXPECT_EQ(total(sums).correct, expected.correct) << "amplitude " << amplitude;
        ++compared;
    }
    EXPECT_EQ(compared, 3);
}

TEST_P(Operations, AreBitwiseRepeatable) {
    const auto far = moved(network_, weights_, 1, 74);
    std::vector<std::vector<BatchSum>> results;
    for (const int threads : {1, 2, 2}) {
        const auto evaluator = make(threads);
        const int number = evaluator->add_split(split_);
        evaluate(*evaluator, far, number);
        results.push_back(evaluate(*evaluator, weights_, number));
        results.push_back(evaluate(*evaluator, weights_, number));
    }
    for (const auto& result : results) {
        ASSERT_EQ(result.size(), 3U);
        EXPECT_EQ(std::memcmp(result.data(), results.front().data(), 3 * sizeof(BatchSum)), 0);
    }
}

enum class Sort { finite, infinite, nan };

Sort sort_of(double value) {
    return std::isnan(value) ? Sort::nan : std::isinf(value) ? Sort::infinite : Sort::finite;
}

// One number of each tensor, and weights so large that the values overflow on the way.
TEST_P(Operations, NonFiniteNumbersGiveThePlainNetworksResult) {
    std::vector<model::Weights> points;
    constexpr float inf = std::numeric_limits<float>::infinity();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
        for (std::size_t i = 0; i < network_.space.parameters.size(); ++i) {
            points.push_back(weights_.clone());
            model::views(points.back().parameters, network_.space.parameters)[i].view({-1})[-1] = bad;
        }
        for (std::size_t i = 0; i < network_.space.states.size(); ++i) {
            points.push_back(weights_.clone());
            model::views(points.back().states, network_.space.states)[i].view({-1})[0] = bad;  // a mean or a variance
        }
    }
    for (const double factor : {1e5, 1e10, 1e20, 1e36}) {
        points.push_back(weights_.clone());
        points.back().parameters.mul_(factor);
    }
    const auto evaluator = make(2);
    const int number = evaluator->add_split(split_);
    const BatchSum before = total(evaluate(*evaluator, weights_, number));
    int non_finite = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const BatchSum expected = plain_sum(points[i]), sum = total(evaluate(*evaluator, points[i], number));
        ASSERT_EQ(sort_of(sum.loss), sort_of(expected.loss)) << "point " << i << ": " << sum.loss << " instead of " << expected.loss;
        if (!std::isfinite(expected.loss)) {
            EXPECT_EQ(sum.correct, expected.correct) << "point " << i;
        }
        non_finite += std::isfinite(expected.loss) ? 0 : 1;
    }
    EXPECT_GE(non_finite, std::ssize(points) / 4);
    EXPECT_EQ(total(evaluate(*evaluator, weights_, number)).loss, before.loss) << "something was left behind";
}

std::string name_of(const testing::TestParamInfo<std::tuple<Case, Path>>& info) {
    const Path path = std::get<1>(info.param);
    return std::string(std::get<0>(info.param).name) + (path == Path::cpu ? "_cpu" : path == Path::cuda ? "_cuda" : "_cuda_on_cpu");
}

INSTANTIATE_TEST_SUITE_P(All, Operations,
                         testing::Combine(testing::Values(Case{"preactivated", sketches::preactivated},
                                                          Case{"densely_connected", [] { return sketches::densely_connected(8); }},
                                                          Case{"densely_connected_odd", [] { return sketches::densely_connected(5); }},
                                                          Case{"inception", sketches::inception}, Case{"grouped", sketches::grouped},
                                                          Case{"shared_terms", sketches::shared_terms},
                                                          Case{"batch_norms_everywhere", sketches::batch_norms_everywhere},
                                                          Case{"padded", sketches::padded}, Case{"rows", sketches::rows},
                                                          Case{"no_linear_layer", sketches::no_linear_layer}),
                                          testing::Values(Path::cpu, Path::cuda_on_cpu, Path::cuda)),
                         name_of);

}  // namespace

}  // namespace orograph::evaluate
