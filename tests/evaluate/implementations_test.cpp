#include "batch_loop.hpp"
#include "cpu_logits.hpp"
#include "cpu_recalibration.hpp"
#include "precision.hpp"
#include "recalibration_oracle.hpp"
#include "sketch.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// Which of the library's kernels a network gets, for one instruction set: the library can be told it only once in a process, so CMake runs
// this program once for each, which OROGRAPH_TEST_SET names ("bf16": bfloat16 with avx512_bf16).
namespace orograph::evaluate {

namespace {

CpuSetting setting() {
    const char* named = std::getenv("OROGRAPH_TEST_SET");
    const std::string set = named ? named : "avx2";
    if (set == "bf16") return {.batch = 8, .precision = Precision::bf16, .instruction_set = "avx512_bf16"};
    return {.batch = 8, .instruction_set = set};
}

double tolerance() {
    return setting().precision == Precision::bf16 ? 3e-2 : 1e-5;
}

class Implementations : public testing::Test {
protected:
    void SetUp() override {
        if (!has_instruction_set(instruction_set(), setting().instruction_set))
            GTEST_SKIP() << "this CPU has no " << setting().instruction_set;
    }
};

// Those of a network's calls that run in the library's plain loop.
std::vector<std::string> plain_loops(const model::Network& network, Statistics statistics = Statistics::given) {
    CpuSetting wanted = setting();
    if (statistics == Statistics::of_batch) wanted.precision = Precision::fp32;
    std::vector<std::string> found;
    const auto all = CpuNetwork(make_plan(network, statistics), wanted).implementations();
    EXPECT_FALSE(all.empty());
    for (const std::string& line : all)
        if (line.find(": ref") != std::string::npos) found.push_back(line);
    return found;
}

// A network whose logits are means over the branches that a test grows, so that an error in any of them shows.
class Branches {
public:
    Branches(std::int64_t channels, std::int64_t height, std::int64_t width) : net(channels, height, width) {}

    void conv(int from, std::int64_t channels, const Window& window, int groups = 1) {
        keep(net.relu(net.conv(from, channels, window, groups, /*bias=*/true)));
    }

    void keep(int value) { ends_.push_back(net.flatten(value)); }

    model::Network finish() {
        net.linear(net.concat(ends_), 10);
        return net.finish();
    }

    Sketch net;

private:
    std::vector<int> ends_;
};

// No plain loop, the logits of float64, and the bits of an image whatever is beside it.
void expect_fast_and_right(const model::Network& network, const std::string& what) {
    EXPECT_THAT(plain_loops(network), testing::IsEmpty()) << what;
    const at::NoGradGuard no_gradients;
    const auto weights = random_weights(network, 31);
    const at::Tensor images = random_split(network, 4, 32).images;
    const at::Tensor logits = cpu_logits(network, weights, images, setting());
    const at::Tensor exact = float64_logits(network, weights, images);
    EXPECT_LT(((logits.to(at::kDouble) - exact).norm() / exact.norm()).item<double>(), tolerance()) << what;
    const at::Tensor two = cpu_logits(network, weights, images.narrow(0, 2, 2).contiguous(), setting());
    EXPECT_TRUE(two.equal(logits.narrow(0, 2, 2))) << what;
}

class Convolutions : public Implementations, public testing::WithParamInterface<std::tuple<int, int>> {
protected:
    Window window() const {
        const auto [kernel, stride] = GetParam();
        return {.kernel = kernel, .stride = stride, .padding = kernel / 2};
    }
};

TEST_P(Convolutions, OfAnyNumberOfChannels) {
    int grown = 0;
    for (std::int64_t inputs = 1; inputs <= 24; ++inputs) {
        Branches branches(inputs, 9, 8);
        const int value = branches.net.conv(0, inputs, {.kernel = 1, .padding = 0});
        for (const std::int64_t outputs : {1, 3, 4, 6, 8, 10, 12, 14, 16, 17, 20, 24}) {
            branches.conv(value, outputs, window());
            ++grown;
        }
        branches.conv(0, 10, window());  // of the images
        branches.conv(0, 16, window());
        expect_fast_and_right(branches.finish(), cat(inputs, " channels"));
    }
    EXPECT_EQ(grown, 24 * 12);
}

TEST_P(Convolutions, OfGroups) {
    Branches depthwise(3, 9, 8), grouped(3, 9, 8);
    for (const int channels : {2, 5, 8, 12, 16, 20, 24, 33, 48})
        depthwise.conv(depthwise.net.conv(0, channels, {.kernel = 1, .padding = 0}), channels, window(), channels);
    expect_fast_and_right(depthwise.finish(), "depthwise");
    struct Groups {
        int count, inputs, outputs;
    };
    for (const auto& [count, inputs, outputs] :
         {Groups{2, 3, 5}, {3, 4, 4}, {4, 8, 8}, {5, 2, 1}, {6, 1, 2}, {8, 4, 6}, {3, 16, 16}, {2, 10, 12}})
        grouped.conv(grouped.net.conv(0, static_cast<std::int64_t>(count) * inputs, {.kernel = 1, .padding = 0}),
                     static_cast<std::int64_t>(count) * outputs, window(), count);
    grouped.conv(0, 6, window(), 3);  // of the images
    expect_fast_and_right(grouped.finish(), "grouped");
}

INSTANTIATE_TEST_SUITE_P(All, Convolutions, testing::Combine(testing::Values(1, 3, 5, 7), testing::Values(1, 2)),
                         [](const auto& info) { return cat("kernel", std::get<0>(info.param), "stride", std::get<1>(info.param)); });

// Where the window is larger than the image, or the padding than half of the window.
TEST_F(Implementations, OfAnyWindow) {
    struct Shape {
        std::int64_t height, width;
    };
    int checked = 0;
    for (const auto& [height, width] : {Shape{1, 1}, {2, 3}, {5, 1}, {14, 13}, {32, 32}})
        for (const std::int64_t channels : {3, 10, 16}) {
            Branches branches(channels, height, width);
            const int value = branches.net.conv(0, channels, {.kernel = 1, .padding = 0});
            for (const auto& [kernel, stride, padding] : {std::tuple{1, 1, 1},
                                                          {2, 1, 1},
                                                          {2, 2, 0},
                                                          {3, 1, 2},
                                                          {4, 4, 0},
                                                          {5, 1, 2},
                                                          {5, 2, 4},
                                                          {7, 2, 3},
                                                          {8, 3, 1},
                                                          {9, 1, 4},
                                                          {11, 4, 5},
                                                          {11, 4, 2},
                                                          {3, 7, 0}}) {
                if (std::min(height, width) + 2 * padding < kernel) continue;
                for (const int from : {0, value}) branches.conv(from, 18, {.kernel = kernel, .stride = stride, .padding = padding});
                const int groups = static_cast<int>(channels);
                branches.conv(value, channels, {.kernel = kernel, .stride = stride, .padding = padding}, groups);
            }
            expect_fast_and_right(branches.finish(), cat(channels, " x ", height, " x ", width));
            ++checked;
        }
    EXPECT_EQ(checked, 15);
}

TEST_F(Implementations, OfPoolsAndLinearLayers) {
    for (const std::int64_t channels : {1, 3, 8, 10, 16, 20, 33}) {
        Branches branches(channels, 9, 8);
        const int value = branches.net.conv(0, channels, {.kernel = 1, .padding = 0});
        for (const int kernel : {2, 3, 5, 8})
            for (const int stride : {1, 2, 3}) {
                branches.keep(branches.net.max_pool(value, {.kernel = kernel, .stride = stride, .padding = kernel / 2}));
                branches.keep(branches.net.avg_pool(value, {.kernel = kernel, .stride = stride, .padding = 0}));
            }
        for (const std::int64_t outputs : {1, 7, 8, 10, 16, 84, 120}) {
            const int row = branches.net.relu(branches.net.linear(branches.net.flatten(value), outputs));
            branches.keep(row);
            branches.keep(branches.net.linear(row, 9));
        }
        expect_fast_and_right(branches.finish(), cat(channels, " channels"));
    }
}

TEST_F(Implementations, OfSums) {
    for (const std::int64_t channels : {4, 6, 10, 12, 16, 20, 24}) {
        Branches branches(3, 9, 8);
        const int first = branches.net.relu(branches.net.conv(0, channels));
        for (const int kernel : {1, 3, 5}) {
            const int sum = branches.net.add(branches.net.conv(first, channels, {.kernel = kernel, .padding = kernel / 2}), first);
            branches.keep(branches.net.relu(sum));
        }
        expect_fast_and_right(branches.finish(), cat(channels, " channels"));
    }
}

TEST_F(Implementations, OfRecalibration) {
    if (setting().precision != Precision::fp32) GTEST_SKIP() << "recalibration is float32";
    for (const std::int64_t channels : {1, 4, 6, 10, 12, 14, 16, 20}) {
        Branches branches(2, 9, 8);
        for (const int kernel : {1, 3, 5, 7}) {
            const Window window{.kernel = kernel, .padding = kernel / 2};
            const int first = branches.net.relu(branches.net.batch_norm(branches.net.conv(0, channels, window)));
            branches.keep(branches.net.relu(branches.net.batch_norm(branches.net.conv(first, 10, window))));
            branches.keep(branches.net.batch_norm(branches.net.conv(first, channels, window, static_cast<int>(channels))));
        }
        const model::Network network = branches.finish();
        EXPECT_THAT(plain_loops(network, Statistics::of_batch), testing::IsEmpty()) << channels << " channels";
        const auto weights = random_weights(network, 33);
        const data::Split images = random_split(network, 11, 34);
        BatchLoop loop(1);
        CpuRecalibration recalibration(network, images, 4, setting(), 1);
        const at::Tensor states = recalibration.states(weights, loop, never);
        EXPECT_LT(greatest_error(network, states, float64_states(network, weights, images.images, 4)), 1e-5) << channels << " channels";
    }
}

TEST_F(Implementations, OfEveryArchitecture) {
    int checked = 0;
    for (const std::string& name : model::known_architectures())
        for (const int channels : {1, 3}) {
            const auto network = model::build_network(name, channels, 10);
            EXPECT_THAT(plain_loops(network), testing::IsEmpty()) << name;
            if (!network.space.states.empty()) {
                EXPECT_THAT(plain_loops(network, Statistics::of_batch), testing::IsEmpty()) << name;
            }
            ++checked;
        }
    EXPECT_EQ(checked, 2 * std::ssize(model::known_architectures()));
}

}  // namespace

}  // namespace orograph::evaluate
