#include "bfloat16.hpp"

#include "orograph/gpu/pointwise.hpp"

namespace orograph::gpu {

void join_columns_cpu(std::span<const ColumnPart> parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                      const void* residual, bool relu, void* out) {
    std::int64_t columns = 0;
    for (const ColumnPart& part : parts) columns += part.columns;
    std::int64_t first = 0;
    for (const ColumnPart& part : parts) {
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t k = 0; k < part.columns; ++k) {
                const std::int64_t column = first + k, at = row * columns + column;
                float value = load(part.values, element, row * part.columns + k);
                if (scale != nullptr) value = value * scale[column];
                if (shift != nullptr) value = value + shift[column];
                if (residual != nullptr) value = value + load(residual, element, at);
                if (relu && value < 0) value = 0;
                store(out, element, at, value);
            }
        first += part.columns;
    }
}

}  // namespace orograph::gpu
