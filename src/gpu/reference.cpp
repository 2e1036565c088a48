#include "orograph/core/error.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/gpu/perturb.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace orograph::gpu {

namespace {

int argmax(std::span<const float> logits) {
    const auto nan = std::ranges::find_if(logits, [](float value) { return std::isnan(value); });
    const auto best = nan != logits.end() ? nan : std::ranges::max_element(logits);
    return static_cast<int>(best - logits.begin());
}

// Sum of exp(z - z[best]) without the term of `best` itself, which is 1: small losses keep their digits.
double sum_of_others(std::span<const float> logits, int best) {
    double sum = static_cast<double>(logits[best]) - logits[best];  // 0, or NaN where it is infinite, as torch.log_softmax has it
    for (int k = 0; k < static_cast<int>(logits.size()); ++k)
        if (k != best) sum += std::exp(static_cast<double>(logits[k]) - logits[best]);
    return sum;
}

double cross_entropy(std::span<const float> logits, int label, int best) {
    return std::log1p(sum_of_others(logits, best)) + (static_cast<double>(logits[best]) - logits[label]);
}

double squared_error(std::span<const float> logits, int label, int best) {
    const double scale = 1 / (1 + sum_of_others(logits, best));
    double sum = 0;
    for (int k = 0; k < static_cast<int>(logits.size()); ++k) {
        const double error = std::exp(static_cast<double>(logits[k]) - logits[best]) * scale - (k == label ? 1 : 0);
        sum += error * error;
    }
    return sum / static_cast<double>(logits.size());
}

}  // namespace

// All vectors advance together, block by block: the memory delivers them side by side, and a block stays in the core's first cache.
void perturb_cpu(std::span<float> out, std::span<const float> centre, std::span<const std::span<const float>> directions,
                 std::span<const float> coordinates) {
    constexpr std::size_t block = 256;
    OROGRAPH_EXPECT(directions.size() == coordinates.size());
    OROGRAPH_EXPECT(centre.size() == out.size());
    for (const auto& direction : directions) OROGRAPH_EXPECT(direction.size() == out.size());
    for (std::size_t first = 0; first < out.size(); first += block) {
        const std::size_t last = std::min(first + block, out.size());
        if (out.data() != centre.data()) std::copy(centre.data() + first, centre.data() + last, out.data() + first);
        for (std::size_t k = 0; k < directions.size(); ++k) {
            const float coordinate = coordinates[k];
            const float* direction = directions[k].data();
            for (std::size_t i = first; i < last; ++i) out[i] = out[i] + coordinate * direction[i];
        }
    }
}

LossSum sum_losses_cpu(const float* logits, const std::int64_t* labels, std::int64_t count, int classes, LossKind kind) {
    LossSum sum;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::span<const float> row(logits + i * classes, static_cast<std::size_t>(classes));
        const int best = argmax(row), label = static_cast<int>(labels[i]);
        sum.loss += kind == LossKind::cross_entropy ? cross_entropy(row, label, best) : squared_error(row, label, best);
        sum.correct += best == label ? 1 : 0;
    }
    return sum;
}

// Integer arithmetic, so that the loop vectorises: adding one to an exponent of all ones carries into the sign bit.
bool all_finite_cpu(const float* values, std::size_t count) {
    std::uint32_t carry = 0;
    for (std::size_t i = 0; i < count; ++i) carry |= (std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffU) + 0x00800000U;
    return (carry & 0x80000000U) == 0;
}

}  // namespace orograph::gpu
