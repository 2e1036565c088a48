#include "batch_loop.hpp"
#include "fixtures.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace orograph::evaluate {

namespace {

using Sums = std::vector<BatchSum>;

bool same_bits(const Sums& a, const Sums& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(BatchSum)) == 0;
}

class Repeatability : public testing::TestWithParam<std::tuple<const char*, Kind>> {
protected:
    Repeatability()
        : network_(model::build_network(std::get<0>(GetParam()), 1, 10)),
          weights_(random_weights(network_, 21)),
          far_(moved(network_, weights_, 3, 22)),
          split_(random_split(network_, 37, 23)) {}

    std::unique_ptr<Evaluator> make(int threads) const {
        return make_evaluator(network_, {.kind = std::get<1>(GetParam()), .threads = threads, .batch = 4});
    }

    model::Network network_;
    model::Weights weights_, far_;
    data::Split split_;
};

TEST_P(Repeatability, NeitherThreadsNorEarlierPointsChangeABit) {
    const auto single = make(1);
    const int number = single->add_split(split_);
    const Sums expected = single->evaluate(weights_, number, never), expected_far = single->evaluate(far_, number, never);
    ASSERT_EQ(expected.size(), 10U);
    EXPECT_FALSE(same_bits(expected, expected_far));
    for (const int threads : {1, 2, 3}) {
        const auto evaluator = make(threads);
        const int split = evaluator->add_split(split_);
        for (int repeat = 0; repeat < 2; ++repeat) {
            EXPECT_TRUE(same_bits(evaluator->evaluate(far_, split, never), expected_far)) << threads << " threads";
            EXPECT_TRUE(same_bits(evaluator->evaluate(weights_, split, never), expected)) << threads << " threads";
        }
    }
}

TEST_P(Repeatability, ShardsHoldTheSameBatchSums) {
    const auto whole = make(2);
    const Sums expected = whole->evaluate(weights_, whole->add_split(split_), never);
    int compared = 0;
    for (const int shards : {1, 2, 3, 5, 10, 11}) {
        Sums joined;
        const auto evaluator = make(2);
        for (int shard = 0; shard < shards; ++shard) {
            const BatchRange range = shard_range(static_cast<std::int64_t>(expected.size()), shard, shards);
            const std::int64_t first = std::min(range.first * 4, split_.size()), last = std::min(range.last * 4, split_.size());
            data::Split part = split_;
            part.images = split_.images.narrow(0, first, last - first).clone();
            part.labels = split_.labels.narrow(0, first, last - first).clone();
            const Sums sums = evaluator->evaluate(weights_, evaluator->add_split(part), never);
            joined.insert(joined.end(), sums.begin(), sums.end());
        }
        EXPECT_TRUE(same_bits(joined, expected)) << shards << " shards";
        ++compared;
    }
    EXPECT_EQ(compared, 6);
}

// Far out, too, where batches are computed once more by the plain network.
TEST_P(Repeatability, APointOfASpaceIsItsWeights) {
    const AffineSpace space{weights_, {{far_, false}, {moved(network_, weights_, 0.1, 24), true}}};
    MovingWeights points(space);
    const auto moving = make(2), still = make(2);
    const int at_moving = moving->add_split(split_), at_still = still->add_split(split_);
    moving->set_space(space);
    std::vector<Sums> found;
    for (const std::vector<double>& point : {std::vector{0.1, 0.2}, {1e30, 0.0}, {-0.4, 0.7}, {0.0, 0.0}}) {
        moving->move_to(point);
        found.push_back(moving->evaluate(at_moving, never));
        EXPECT_TRUE(same_bits(found.back(), still->evaluate(points.at(point), at_still, never))) << point[0];
        EXPECT_TRUE(same_bits(found.back(), moving->evaluate(at_moving, never))) << point[0];
    }
    EXPECT_TRUE(same_bits(found.back(), still->evaluate(weights_, at_still, never)));
    EXPECT_FALSE(same_bits(found[0], found[2]));
    EXPECT_FALSE(std::isfinite(found[1].front().loss));
}

TEST_P(Repeatability, ACancelledEvaluationReturnsNoBatch) {
    const auto evaluator = make(2);
    const int number = evaluator->add_split(split_);
    CancelToken cancel;
    cancel.cancel();
    EXPECT_TRUE(evaluator->evaluate(weights_, number, cancel).empty());
    cancel.reset();
    EXPECT_EQ(evaluator->evaluate(weights_, number, cancel).size(), 10U);
}

// Wherever the cancellation falls, what comes back is the beginning of the whole result.
TEST_P(Repeatability, CancellingOnTheWayLeavesAPrefix) {
    const auto evaluator = make(2);
    const int number = evaluator->add_split(split_);
    const Sums expected = evaluator->evaluate(weights_, number, never);
    for (int attempt = 0; attempt < 10; ++attempt) {
        CancelToken cancel;
        std::thread canceller([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(2 * attempt));
            cancel.cancel();
        });
        const Sums sums = evaluator->evaluate(weights_, number, cancel);
        canceller.join();
        ASSERT_LE(sums.size(), expected.size());
        EXPECT_TRUE(same_bits(sums, Sums(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(sums.size()))));
    }
}

TEST_P(Repeatability, TheCallersThreadCountIsLeftAlone) {
    at::set_num_threads(2);
    const auto evaluator = make(3);
    evaluator->evaluate(weights_, evaluator->add_split(split_), never);
    EXPECT_EQ(at::get_num_threads(), 2);
    int elsewhere = 0;
    std::thread([&] { elsewhere = at::get_num_threads(); }).join();
    EXPECT_EQ(elsewhere, 2);
}

INSTANTIATE_TEST_SUITE_P(All, Repeatability,
                         testing::Combine(testing::Values("resnet20", "vgg9", "mlp"), testing::Values(Kind::compiled, Kind::reference)));

TEST(BatchLoop, EveryWorkerComputesWithOneThread) {
    at::set_num_threads(2);
    BatchLoop loop(3);
    const at::Tensor large = at::ones({1 << 20});
    const auto sums = loop.run(30, never, [&](int, std::int64_t) {
        const double result = large.add(1).sum().item<double>();  // a parallel operation, at which LibTorch might set the thread's count
        return BatchSum{.loss = result, .correct = static_cast<double>(at::get_num_threads())};
    });
    ASSERT_EQ(sums.size(), 30U);
    for (const BatchSum& sum : sums) EXPECT_EQ(sum.correct, 1);
    EXPECT_EQ(at::get_num_threads(), 2);
}

TEST(ShardRange, CutsBatchesEvenlyAndWholly) {
    int checked = 0;
    for (const std::int64_t batches : {0, 1, 7, 16, 1000})
        for (const int shards : {1, 2, 3, 16, 17}) {
            std::int64_t next = 0;
            for (int shard = 0; shard < shards; ++shard, ++checked) {
                const BatchRange range = shard_range(batches, shard, shards);
                ASSERT_EQ(range.first, next);
                const std::int64_t size = range.last - range.first;
                ASSERT_TRUE(size == batches / shards || size == batches / shards + 1);
                next = range.last;
            }
            ASSERT_EQ(next, batches);
        }
    EXPECT_EQ(checked, 5 * (1 + 2 + 3 + 16 + 17));
}

}  // namespace

}  // namespace orograph::evaluate
