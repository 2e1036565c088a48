#include "pointwise_variants.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace orograph::evaluate {

namespace {

float to_float(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t to_bfloat16(float value) {  // of finite numbers, by the definition
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t below = bits & 0xffffU, upper = bits >> 16;
    return static_cast<std::uint16_t>(upper + (below > 0x8000U || (below == 0x8000U && upper % 2 == 1) ? 1 : 0));
}

struct Problem {
    std::vector<std::int64_t> channels;  // of the parts
    std::int64_t pixels = 1;
    bool scaled = false, added = false, relu = false, bfloat16 = false;
    std::int64_t images = 3;
};

std::ostream& operator<<(std::ostream& out, const Problem& problem) {
    for (const auto channels : problem.channels) out << channels << " ";
    return out << "channels, " << problem.pixels << " pixels" << (problem.scaled ? ", scaled" : "") << (problem.added ? ", added" : "")
               << (problem.relu ? ", relu" : "") << (problem.bfloat16 ? ", bfloat16" : "");
}

// Runs a problem in groups of `lanes` channels and compares with the definition.
class Trial {
public:
    Trial(const PointwiseKernel& kernel, const Problem& problem) : kernel_(kernel), problem_(problem) {
        std::mt19937_64 generator(5);
        std::normal_distribution<float> normal;
        const auto fill = [&](std::vector<float>& values, std::int64_t count) {
            values.resize(static_cast<std::size_t>(count));
            for (float& value : values) value = problem.bfloat16 ? to_float(to_bfloat16(normal(generator))) : normal(generator);
        };
        for (const std::int64_t channels : problem.channels) {
            fill(parts_.emplace_back(), problem.images * channels * problem.pixels);
            all_ += channels;
        }
        fill(residual_, problem.images * all_ * problem.pixels);
        fill(scale_, all_);
        fill(shift_, all_);
    }

    std::vector<float>& part(std::size_t index) { return parts_[index]; }
    std::vector<float>& residual() { return residual_; }
    std::vector<float>& shift() { return shift_; }

    // What the kernel returns; the residual lies where the result goes.
    bool run() {
        std::vector<std::vector<unsigned char>> stored;
        std::vector<PointwisePart> views;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            stored.push_back(store(parts_[i], problem_.channels[i]));
            views.push_back({stored.back().data(), problem_.channels[i], stride(problem_.channels[i])});
        }
        out_ = store(residual_, all_);
        PointwiseCall call{.parts = views.data(),
                           .part_count = static_cast<int>(views.size()),
                           .destination = out_.data(),
                           .stride = stride(all_),
                           .images = problem_.images,
                           .channels = all_,
                           .pixels = problem_.pixels,
                           .bfloat16 = problem_.bfloat16,
                           .relu = problem_.relu};
        if (problem_.scaled) {
            call.scale = scale_.data();
            call.shift = shift_.data();
        }
        if (problem_.added) {
            call.residual = out_.data();
            call.residual_stride = call.stride;
        }
        return kernel_.run(call);
    }

    // Bit for bit: products and sums are rounded one by one. Returns how many numbers.
    std::int64_t compare() const {
        std::int64_t compared = 0, first = 0;
        for (std::size_t part = 0; part < parts_.size(); first += problem_.channels[part++])
            for (std::int64_t n = 0; n < problem_.images; ++n)
                for (std::int64_t c = 0; c < problem_.channels[part]; ++c)
                    for (std::int64_t p = 0; p < problem_.pixels; ++p, ++compared) {
                        const float source = parts_[part][((n * problem_.channels[part] + c) * problem_.pixels + p)];
                        EXPECT_EQ(load(out_, offset(n, first + c, p, all_)), expected(source, n, first + c, p)) << problem_;
                    }
        for (std::int64_t n = 0; n < problem_.images; ++n)
            for (std::int64_t c = all_; c < padded(all_); ++c)
                for (std::int64_t p = 0; p < problem_.pixels; ++p)
                    EXPECT_EQ(load(out_, offset(n, c, p, all_)), 0) << "padding " << problem_;
        return compared;
    }

private:
    float expected(float value, std::int64_t n, std::int64_t c, std::int64_t p) const {
        if (problem_.scaled) {
            const volatile float product = value * scale_[c];
            value = product + shift_[c];
        }
        if (problem_.added) value = value + residual_[(n * all_ + c) * problem_.pixels + p];
        if (problem_.relu) value = std::max(value, 0.F);
        return problem_.bfloat16 ? to_float(to_bfloat16(value)) : value;
    }

    // A value of a single pixel may be a row without padding.
    std::int64_t padded(std::int64_t channels) const {
        return problem_.pixels == 1 ? channels : (channels + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes;
    }
    std::int64_t stride(std::int64_t channels) const { return padded(channels) * problem_.pixels; }

    std::int64_t offset(std::int64_t n, std::int64_t c, std::int64_t p, std::int64_t channels) const {
        return n * stride(channels) + (c / kernel_.lanes * problem_.pixels + p) * kernel_.lanes + c % kernel_.lanes;
    }

    std::vector<unsigned char> store(const std::vector<float>& values, std::int64_t channels) const {
        const std::size_t size = problem_.bfloat16 ? 2 : 4;
        std::vector<unsigned char> result(static_cast<std::size_t>(problem_.images * stride(channels)) * size, 0);
        for (std::int64_t n = 0; n < problem_.images; ++n)
            for (std::int64_t c = 0; c < channels; ++c)
                for (std::int64_t p = 0; p < problem_.pixels; ++p) {
                    const float value = values[(n * channels + c) * problem_.pixels + p];
                    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) >> (problem_.bfloat16 ? 16 : 0);
                    std::memcpy(result.data() + offset(n, c, p, channels) * static_cast<std::int64_t>(size), &bits, size);
                }
        return result;
    }

    float load(const std::vector<unsigned char>& from, std::int64_t index) const {
        std::uint32_t bits = 0;
        const std::size_t size = problem_.bfloat16 ? 2 : 4;
        std::memcpy(&bits, from.data() + static_cast<std::size_t>(index) * size, size);
        return std::bit_cast<float>(bits << (problem_.bfloat16 ? 16 : 0));
    }

    const PointwiseKernel& kernel_;
    const Problem problem_;
    std::int64_t all_ = 0;
    std::vector<std::vector<float>> parts_;
    std::vector<float> residual_, scale_, shift_;
    std::vector<unsigned char> out_;
};

class Pointwise : public testing::TestWithParam<Variant> {
protected:
    void SetUp() override {
        if (!has(GetParam().needs)) GTEST_SKIP() << "this CPU has no " << GetParam().needs;
    }
    const PointwiseKernel& kernel() const { return *GetParam().kernel; }
};

TEST_P(Pointwise, IsTheDefinitionBitForBit) {
    std::int64_t compared = 0;
    for (const bool bfloat16 : {false, true})
        for (const int mode : {0, 1, 2, 3, 4, 5, 6, 7})
            for (const std::int64_t pixels : {1, 35})
                for (const std::vector<std::int64_t>& channels :
                     {std::vector<std::int64_t>{16}, {32, 16, 64}, {5}, {16, 5}, {5, 16}, {3, 7, 9}, {20, 12}, {1, 1, 1}}) {
                    Trial trial(kernel(), {channels, pixels, (mode & 1) != 0, (mode & 2) != 0, (mode & 4) != 0, bfloat16});
                    EXPECT_TRUE(trial.run());
                    compared += trial.compare();
                }
    EXPECT_EQ(compared, 2 * 8 * (1 + 35) * 3 * (16 + 112 + 5 + 21 + 21 + 19 + 32 + 3));
}

// Wherever it is, and also where the ReLU turns it into a number.
TEST_P(Pointwise, SeesEveryNumberThatIsNotFinite) {
    constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    int seen = 0;
    for (const bool bfloat16 : {false, true})
        for (const float bad : {inf, -inf, nan, -nan}) {
            Trial trial(kernel(), {{16, 5}, 3, true, true, true, bfloat16});
            for (const std::size_t part : {0, 1})
                for (float& value : trial.part(part)) {
                    const float kept = std::exchange(value, bad);
                    seen += trial.run() ? 0 : 1;
                    value = kept;
                }
            for (float& value : trial.residual()) {
                const float kept = std::exchange(value, bad);
                seen += trial.run() ? 0 : 1;
                value = kept;
            }
            EXPECT_TRUE(trial.run());
        }
    EXPECT_EQ(seen, 2 * 4 * 2 * 21 * 3 * 3);
}

TEST_P(Pointwise, SeesASumThatOverflows) {
    Trial trial(kernel(), {{16}, 3, true, true, true});
    constexpr float large = std::numeric_limits<float>::max();
    trial.residual()[40] = -large;
    EXPECT_TRUE(trial.run());
    for (float& shift : trial.shift()) shift = -large;
    EXPECT_FALSE(trial.run());
}

INSTANTIATE_TEST_SUITE_P(All, Pointwise, testing::ValuesIn(variants), [](const auto& info) { return std::string(info.param.name); });

}  // namespace

}  // namespace orograph::evaluate
