#pragma once

#include "pointwise.hpp"

#include "orograph/core/cores.hpp"

#include <string_view>

namespace orograph::evaluate {

// The pointwise kernels of one instruction set.
struct Variant {
    const char* name;
    const PointwiseKernel* kernel;
    const char* needs;
};

inline const Variant variants[] = {
    {"sse2", &pointwise_sse2, ""}, {"avx2", &pointwise_avx2, "avx2"}, {"avx512", &pointwise_avx512, "avx512"}};

// Whether this CPU runs what `needs` it.
inline bool has(std::string_view needs) {
    const std::string_view cpu = instruction_set();
    return needs.empty() || cpu.starts_with(needs) || (needs == "avx2" && cpu.starts_with("avx512"));
}

}  // namespace orograph::evaluate
