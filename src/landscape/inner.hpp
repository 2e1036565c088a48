#pragma once

#include "orograph/core/error.hpp"

#include <torch/types.h>

#include <cmath>
#include <span>

// Products and lengths of flat float32 vectors on the CPU, summed in float64 from first to last.
namespace orograph::landscape {

inline std::span<float> values_of(const at::Tensor& tensor) {
    return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

inline double inner(std::span<const float> a, std::span<const float> b) {
    OROGRAPH_EXPECT(a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

inline double distance(std::span<const float> a, std::span<const float> b) {
    OROGRAPH_EXPECT(a.size() == b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - b[i];
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

}  // namespace orograph::landscape
