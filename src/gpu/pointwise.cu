#include "bfloat16.cuh"
#include "device.cuh"
#include "launch.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>

namespace orograph::gpu {

namespace {

constexpr std::int64_t load_bytes = 16;  // the most that a thread reads at once

// Neighbouring numbers, 16 bytes at once where they fill as many.
template <class Value, int width>
__device__ void read(const Value* from, Value (&to)[width]) {
    if constexpr (sizeof(to) % load_bytes == 0) {
        uint4 words[sizeof(to) / load_bytes];
        for (int k = 0; k < static_cast<int>(sizeof(to) / load_bytes); ++k) words[k] = reinterpret_cast<const uint4*>(from)[k];
        std::memcpy(static_cast<void*>(to), words, sizeof(to));
    } else {
        for (int k = 0; k < width; ++k) to[k] = from[k];
    }
}

template <class Value, int width>
__device__ void write(const Value (&from)[width], Value* to) {
    if constexpr (sizeof(from) == load_bytes) {
        unsigned int words[4];
        std::memcpy(words, from, sizeof(from));
        __stwb(reinterpret_cast<uint4*>(to), make_uint4(words[0], words[1], words[2], words[3]));  // an assignment becomes four stores
    } else {
        for (int k = 0; k < width; ++k) to[k] = from[k];
    }
}

// Which part column `column` of the result belongs to.
__device__ int part_of(const PartPack& parts, std::int64_t column) {
    int part = 0;
    while (column >= parts.begin[part + 1]) ++part;
    return part;
}

// A thread takes `width` neighbouring columns; threadIdx.x goes along a row, threadIdx.y and the blocks go down the rows, so that no index
// needs a division.
template <class Value, int width>
__global__ void join_columns(const __grid_constant__ PartPack parts, std::int64_t rows, const float* scale, const float* shift,
                             const Value* residual, bool relu, Value* out) {
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    const std::int64_t first_column = parts.begin[0] + static_cast<std::int64_t>(threadIdx.x) * width, end = parts.begin[parts.count];
    for (std::int64_t row = first_row; row < rows; row += static_cast<std::int64_t>(gridDim.x) * blockDim.y)
        for (std::int64_t column = first_column; column < end; column += static_cast<std::int64_t>(blockDim.x) * width) {
            const int part = part_of(parts, column);
            const std::int64_t begin = parts.begin[part], columns = parts.begin[part + 1] - begin, at = row * parts.columns + column;
            Value numbers[width], added[width];
            float factors[width], offsets[width];
            read(static_cast<const Value*>(parts.values[part]) + row * columns + column - begin, numbers);
            if (scale != nullptr) read(scale + column, factors);
            if (shift != nullptr) read(shift + column, offsets);
            if (residual != nullptr) read(residual + at, added);
            for (int k = 0; k < width; ++k) {
                float value = to_float(numbers[k]);
                if (scale != nullptr) value = __fmul_rn(value, factors[k]);
                if (shift != nullptr) value = __fadd_rn(value, offsets[k]);
                if (residual != nullptr) value = __fadd_rn(value, to_float(added[k]));
                if (relu && value < 0) value = 0;
                assign(numbers[k], value);
            }
            write(numbers, out + at);
        }
}

// Whether every thread's numbers lie within one part and begin where a load of 16 bytes may; what is not there (null) does.
bool is_aligned(const PartPack& parts, std::int64_t width, std::initializer_list<const void*> others) {
    const auto aligned = [](const void* address) { return reinterpret_cast<std::uintptr_t>(address) % load_bytes == 0; };
    bool result = std::all_of(others.begin(), others.end(), aligned) && parts.columns % width == 0;
    for (int k = 0; k < parts.count; ++k) result = result && parts.begin[k + 1] % width == 0 && aligned(parts.values[k]);
    return result && parts.begin[0] % width == 0;
}

template <class Value, int width>
cudaError_t launch_width(const PartPack& parts, std::int64_t rows, const float* scale, const float* shift, const void* residual, bool relu,
                         void* out, cudaStream_t stream) {
    const std::int64_t groups = (parts.begin[parts.count] - parts.begin[0]) / width;
    if (rows == 0 || groups == 0) return cudaSuccess;
    unsigned int along = 1;
    while (along < groups && along < block_threads) along *= 2;
    const dim3 threads(along, block_threads / along);
    constexpr std::int64_t most_blocks = 2048;
    const auto blocks = static_cast<unsigned int>(std::min((rows + threads.y - 1) / threads.y, most_blocks));
    join_columns<Value, width><<<blocks, threads, 0, stream>>>(parts, rows, scale, shift, static_cast<const Value*>(residual), relu,
                                                               static_cast<Value*>(out));
    return cudaGetLastError();
}

template <class Value>
cudaError_t launch(const PartPack& parts, std::int64_t rows, const float* scale, const float* shift, const void* residual, bool relu,
                   void* out, cudaStream_t stream) {
    constexpr int width = load_bytes / sizeof(Value);
    const auto of_width = is_aligned(parts, width, {scale, shift, residual, out}) ? launch_width<Value, width> : launch_width<Value, 1>;
    return of_width(parts, rows, scale, shift, residual, relu, out, stream);
}

}  // namespace

cudaError_t launch_join_columns(const PartPack& parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                                const void* residual, bool relu, void* out, cudaStream_t stream) {
    const auto of_type = element == Element::float32 ? launch<float> : launch<__nv_bfloat16>;
    return of_type(parts, rows, scale, shift, residual, relu, out, stream);
}

}  // namespace orograph::gpu
