#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace orograph {

// Counter-based random numbers: the value at (seed, stream, index) is a pure function of the three, so that any rank
// can draw any part in any order. Philox4x32-10 of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
class CounterRandom {
public:
    CounterRandom(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

    // The four 32-bit words of block `index`.
    std::array<std::uint32_t, 4> block(std::uint64_t index) const;

    // Uniform in [0, 1), 53 bits.
    double uniform(std::uint64_t index) const;

    // Uniform integer in [0, bound), unbiased to 2^-64; bound > 0.
    std::uint64_t below(std::uint64_t bound, std::uint64_t index) const;

    // Standard normal (Box-Muller in float64).
    double normal(std::uint64_t index) const;

    // out[i] = normal(first + i), rounded to float32.
    void fill_normal(std::span<float> out, std::uint64_t first = 0) const;

    // Fisher-Yates permutation of 0..out.size()-1.
    void fill_permutation(std::span<std::int64_t> out) const;

private:
    std::uint64_t seed_;
    std::uint64_t stream_;
};

}  // namespace orograph
