#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orograph::model {

// A tensor as it lies in the bytes of a checkpoint: element (i, j, ...) is number offset + i*strides[0] + j*strides[1] + ... of the
// storage, and every one of them is in the storage.
struct StoredTensor {
    std::string_view dtype;  // safetensors' word for it: "F32", "BF16"; of a tensor that cannot be read: why, "a conjugated view"
    std::vector<std::int64_t> shape, strides;
    std::int64_t offset = 0;
    std::span<const std::byte> storage;
};

// Strides of a tensor in C order.
std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape);

// "bfloat16" for BF16; empty for what copy_as_float() does not take.
std::string_view float_name(std::string_view dtype);

struct Conversion {
    std::int64_t not_finite = 0;  // NaN or infinite in the file
    std::int64_t overflowed = 0;  // finite in the file, beyond float32's range
};

// Writes the elements in C order, rounded to float32 (to nearest, ties to even); F16 and BF16 are exact. `out` has room for all of them;
// float_name(dtype) is not empty. Looks at no other memory, whatever the shape.
Conversion copy_as_float(const StoredTensor& tensor, float* out);

}  // namespace orograph::model
