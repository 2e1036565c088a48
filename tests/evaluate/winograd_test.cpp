#include "two_avx2.hpp"

#include "orograph/core/cores.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

namespace orograph::evaluate {

namespace {

const WinogradKernels two_avx2 = kernels_of<TwoAvx2>();
const WinogradKernels two_avx2_bf16 = kernels_of<TwoAvx2, TwoAvx2BFloat16>();

enum class Numbers { float32, bfloat16 };

struct Variant {
    const char* name;
    const WinogradKernels* kernels;
    const char* needs;
    Numbers numbers = Numbers::float32;
};

const Variant variants[] = {{"avx2", &winograd_avx2, "avx2"},
                            {"two_avx2", &two_avx2, "avx2"},
                            {"avx512", &winograd_avx512, "avx512"},
                            {"two_avx2_bf16", &two_avx2_bf16, "avx2", Numbers::bfloat16},
                            {"avx512_bf16", &winograd_avx512_bf16, "avx512_bf16", Numbers::bfloat16}};

bool has(std::string_view needs) {
    const std::string_view cpu = instruction_set();
    return cpu.starts_with(needs) || (needs == "avx2" && cpu.starts_with("avx512"));
}

float to_bfloat16(float number) {
    return TwoAvx2BFloat16::widened(TwoAvx2BFloat16::rounded(number));
}

// A convolution with random numbers, its activations in C order; these are what a bfloat16 holds.
struct Problem {
    WinogradShape shape;
    std::vector<float> source, residual, filters, bias;

    explicit Problem(const WinogradShape& shape, std::uint64_t seed = 1) : shape(shape) {
        std::mt19937_64 generator(seed);
        std::normal_distribution<float> normal;
        const auto fill = [&](std::vector<float>& values, std::int64_t count) {
            values.resize(static_cast<std::size_t>(count));
            for (float& value : values) value = normal(generator);
        };
        const auto fill_rounded = [&](std::vector<float>& values, std::int64_t count) {
            fill(values, count);
            std::ranges::transform(values, values.begin(), to_bfloat16);
        };
        fill_rounded(source, shape.images * shape.inputs * shape.height * shape.width);
        fill_rounded(residual, shape.images * shape.outputs * shape.height * shape.width);
        fill(filters, shape.outputs * shape.inputs * 9);
        fill(bias, shape.outputs);
    }
};

enum class Residual { none, added };

// [images, channels, height, width] to and from groups of `lanes` channels.
std::vector<float> grouped(const std::vector<float>& plain, const WinogradShape& shape, std::int64_t channels, int lanes,
                           bool back = false) {
    std::vector<float> result(plain.size());
    const std::int64_t pixels = shape.height * shape.width;
    for (std::int64_t n = 0; n < shape.images; ++n)
        for (std::int64_t c = 0; c < channels; ++c)
            for (std::int64_t p = 0; p < pixels; ++p) {
                const auto in_order = static_cast<std::size_t>((n * channels + c) * pixels + p);
                const auto in_groups = static_cast<std::size_t>(((n * channels / lanes + c / lanes) * pixels + p) * lanes + c % lanes);
                result[back ? in_order : in_groups] = plain[back ? in_groups : in_order];
            }
    return result;
}

struct Outcome {
    std::vector<float> values;
    bool finite = false;
};

// As the kernels have them in memory.
std::vector<std::uint16_t> halves(const std::vector<float>& values) {
    std::vector<std::uint16_t> result;
    for (const float value : values) result.push_back(TwoAvx2BFloat16::rounded(value));
    return result;
}

std::vector<float> floats(const std::vector<std::uint16_t>& values) {
    std::vector<float> result;
    for (const std::uint16_t value : values) result.push_back(TwoAvx2BFloat16::widened(value));
    return result;
}

Outcome run(const Variant& variant, const Problem& problem, Residual residual, bool relu) {
    const WinogradShape& shape = problem.shape;
    const WinogradKernels& kernels = *variant.kernels;
    std::vector<std::byte> packed(static_cast<std::size_t>(kernels.weight_bytes(shape)));
    std::vector<std::byte> scratch(static_cast<std::size_t>(kernels.scratch_bytes(shape)), std::byte{0xff});  // NaN
    kernels.pack(shape, problem.filters.data(), 0, shape.outputs, packed.data());
    std::vector<float> source = grouped(problem.source, shape, shape.inputs, kernels.lanes);
    std::vector<float> destination = grouped(problem.residual, shape, shape.outputs, kernels.lanes);
    std::vector<std::uint16_t> half_source = halves(source), half_destination = halves(destination);
    const bool half = variant.numbers == Numbers::bfloat16;
    const bool finite = kernels.run(shape, {.source = half ? static_cast<void*>(half_source.data()) : source.data(),
                                            .weights = packed.data(),
                                            .bias = problem.bias.data(),
                                            .destination = half ? static_cast<void*>(half_destination.data()) : destination.data(),
                                            .scratch = scratch.data(),
                                            .accumulate = residual == Residual::added,
                                            .relu = relu});
    if (half) destination = floats(half_destination);
    return {grouped(destination, shape, shape.outputs, kernels.lanes, true), finite};
}

// The definition, sums in `Real`.
template <class Real>
std::vector<Real> direct(const Problem& problem, Residual residual, bool relu) {
    const auto& [images, inputs, outputs, height, width, tiles] = problem.shape;
    std::vector<Real> result;
    for (std::int64_t n = 0; n < images; ++n)
        for (std::int64_t o = 0; o < outputs; ++o)
            for (std::int64_t y = 0; y < height; ++y)
                for (std::int64_t x = 0; x < width; ++x) {
                    Real sum = problem.bias[o];
                    for (std::int64_t c = 0; c < inputs; ++c)
                        for (std::int64_t k = 0; k < 9; ++k) {
                            const std::int64_t row = y + k / 3 - 1, column = x + k % 3 - 1;
                            if (row < 0 || row >= height || column < 0 || column >= width) continue;
                            sum += static_cast<Real>(problem.source[((n * inputs + c) * height + row) * width + column]) *
                                   problem.filters[(o * inputs + c) * 9 + k];
                        }
                    if (residual == Residual::added) sum += problem.residual[result.size()];
                    result.push_back(relu ? std::max(sum, Real{0}) : sum);
                }
    return result;
}

double relative_error(const std::vector<float>& values, const std::vector<double>& exact) {
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        error += (values[i] - exact[i]) * (values[i] - exact[i]);
        norm += exact[i] * exact[i];
    }
    return std::sqrt(error / norm);
}

class Winograd : public testing::TestWithParam<Variant> {
protected:
    void SetUp() override {
        if (!has(GetParam().needs)) GTEST_SKIP() << "this CPU has no " << GetParam().needs;
    }
    const WinogradKernels& kernels() const { return *GetParam().kernels; }
    bool is_bfloat16() const { return GetParam().numbers == Numbers::bfloat16; }
};

TEST_P(Winograd, IsTheConvolutionAtEverySize) {
    const std::int64_t lanes = kernels().lanes;
    const double tolerance = is_bfloat16() ? 2e-2 : 1e-6;
    int compared = 0;
    for (const auto& [height, width] : {std::pair{3, 3}, {4, 4}, {5, 9}, {8, 8}, {13, 6}, {1, 7}})
        for (const auto& [inputs, outputs] : {std::pair{lanes, lanes}, {2 * lanes, 3 * lanes}, {5 * lanes, 2 * lanes}})
            for (const std::int64_t tiles : {1, 7, 24}) {
                const Problem problem({3, inputs, outputs, height, width, tiles});
                for (const bool relu : {false, true})
                    for (const Residual residual : {Residual::none, Residual::added}) {
                        const Outcome outcome = run(GetParam(), problem, residual, relu);
                        EXPECT_TRUE(outcome.finite);
                        EXPECT_LT(relative_error(outcome.values, direct<double>(problem, residual, relu)), tolerance)
                            << height << "x" << width;
                        ++compared;
                    }
            }
    EXPECT_EQ(compared, 6 * 3 * 3 * 4);
}

// In bfloat16, where nothing but patches and filters is rounded, up to six times as much.
TEST_P(Winograd, RoundsLittleMoreThanTheDirectForm) {
    const std::int64_t lanes = kernels().lanes;
    const Problem problem({1, 32 * lanes, lanes, 4, 4, 12});
    Problem rounded = problem;
    if (is_bfloat16()) std::ranges::transform(rounded.filters, rounded.filters.begin(), to_bfloat16);
    std::vector<float> plain = direct<float>(rounded, Residual::none, false);
    if (is_bfloat16()) std::ranges::transform(plain, plain.begin(), to_bfloat16);
    const auto exact = direct<double>(problem, Residual::none, false);
    const double error = relative_error(run(GetParam(), problem, Residual::none, false).values, exact);
    EXPECT_LT(error, (is_bfloat16() ? 6 : 3) * relative_error(plain, exact));
    EXPECT_GT(error, 0);
}

TEST_P(Winograd, BitsDependNeitherOnTheBlockingNorOnThePlaceInTheBatch) {
    const std::int64_t lanes = kernels().lanes;
    Problem problem({5, 2 * lanes, 3 * lanes, 9, 6, 1});
    const Outcome whole = run(GetParam(), problem, Residual::added, true);
    for (const std::int64_t tiles : {2, 11, 12, 13, 100}) {
        problem.shape.tiles = tiles;
        EXPECT_EQ(run(GetParam(), problem, Residual::added, true).values, whole.values) << tiles;
    }
    Problem last = problem;
    last.shape.images = 1;
    const std::size_t in = problem.source.size() / 5, out = problem.residual.size() / 5;
    last.source.assign(problem.source.end() - static_cast<std::ptrdiff_t>(in), problem.source.end());
    last.residual.assign(problem.residual.end() - static_cast<std::ptrdiff_t>(out), problem.residual.end());
    const std::vector<float> wanted(whole.values.end() - static_cast<std::ptrdiff_t>(out), whole.values.end());
    EXPECT_EQ(run(GetParam(), last, Residual::added, true).values, wanted);
}

TEST_P(Winograd, NoticesEveryNonFiniteValue) {
    const std::int64_t lanes = kernels().lanes;
    const Problem problem({1, 2 * lanes, lanes, 6, 5, 4});
    int noticed = 0;
    for (std::size_t i = 0; i < problem.source.size(); i += 7)
        for (const float bad :
             {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
            Problem with = problem;
            with.source[i] = bad;
            EXPECT_FALSE(run(GetParam(), with, Residual::none, true).finite) << i;
            ++noticed;
        }
    Problem with = problem;
    with.residual.back() = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(run(GetParam(), with, Residual::added, true).finite);
    EXPECT_TRUE(run(GetParam(), with, Residual::none, true).finite);
    EXPECT_GT(noticed, 100);
}

// Large weights go past the caches where they lie at a multiple of a vector's size.
TEST_P(Winograd, PacksLargeWeightsAlikeAtEveryPlace) {
    const WinogradShape shape{1, 192, 336, 4, 4, kernels().rows};
    const Problem problem(shape);
    const auto count = static_cast<std::size_t>(kernels().weight_bytes(shape));
    const auto pack = [&](std::size_t shift_bytes) {
        std::vector<std::byte> memory(count + 128);
        void* at = memory.data();
        std::size_t space = memory.size();
        std::byte* const packed = static_cast<std::byte*>(std::align(64, 0, at, space)) + shift_bytes;
        kernels().pack(shape, problem.filters.data(), 0, shape.outputs, packed);
        return std::vector<std::byte>(packed, packed + count);
    };
    const std::vector<std::byte> aligned = pack(0);
    EXPECT_TRUE(aligned == pack(sizeof(float)));
    EXPECT_NE(aligned.back(), std::byte{0});

    std::vector<std::byte> in_parts(count);
    for (std::int64_t first = 0; first < shape.outputs; first += kernels().panel_outputs)
        kernels().pack(shape, problem.filters.data() + first * shape.inputs * 9, first,
                       std::min(first + kernels().panel_outputs, shape.outputs), in_parts.data());
    EXPECT_TRUE(aligned == in_parts);
}

INSTANTIATE_TEST_SUITE_P(All, Winograd, testing::ValuesIn(variants), [](const auto& info) { return info.param.name; });

}  // namespace

}  // namespace orograph::evaluate
