#include "bfloat16.hpp"

#include "orograph/gpu/activation.hpp"

#include <algorithm>

namespace orograph::gpu {

void finish_layer_cpu(void* values, Element element, std::int64_t rows, std::int64_t columns, const float* bias, const void* residual,
                      bool relu) {
    for (std::int64_t i = 0; i < rows * columns; ++i) {
        float value = load(values, element, i);
        if (bias != nullptr) value = value + bias[i % columns];
        if (residual != nullptr) value = value + load(residual, element, i);
        if (relu && value < 0) value = 0;
        store(values, element, i, value);
    }
}

void raise_to_magnitude_cpu(const void* values, Element element, std::int64_t count, std::uint32_t* slot) {
    for (std::int64_t i = 0; i < count; ++i) *slot = std::max(*slot, std::bit_cast<std::uint32_t>(load(values, element, i)) & 0x7fffffffU);
}

}  // namespace orograph::gpu
