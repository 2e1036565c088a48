#include "bfloat16.cuh"
#include "device.cuh"
#include "launch.hpp"

namespace orograph::gpu {

namespace {

// Which part column `column` of the result belongs to.
__device__ int part_of(const PartPack& parts, std::int64_t column) {
    int part = 0;
    while (column >= parts.begin[part + 1]) ++part;
    return part;
}

template <class Value>
__global__ void join_columns(const __grid_constant__ PartPack parts, std::size_t count, const float* scale, const float* shift,
                             const Value* residual, bool relu, Value* out) {
    const auto columns = static_cast<std::size_t>(parts.begin[parts.count] - parts.begin[0]);  // that these parts fill
    for (std::size_t i = first_index(); i < count; i += grid_stride()) {
        const auto row = static_cast<std::int64_t>(i / columns);
        const std::int64_t column = parts.begin[0] + static_cast<std::int64_t>(i % columns), at = row * parts.columns + column;
        const int part = part_of(parts, column);
        const std::int64_t begin = parts.begin[part], width = parts.begin[part + 1] - begin;
        float value = to_float(static_cast<const Value*>(parts.values[part])[row * width + column - begin]);
        if (scale != nullptr) value = __fadd_rn(__fmul_rn(value, scale[column]), shift[column]);
        if (residual != nullptr) value = __fadd_rn(value, to_float(residual[at]));
        if (relu && value < 0) value = 0;
        assign(out[at], value);
    }
}

template <class Value>
cudaError_t launch(const PartPack& parts, std::int64_t rows, const float* scale, const float* shift, const void* residual, bool relu,
                   void* out, cudaStream_t stream) {
    const auto count = static_cast<std::size_t>(rows * (parts.begin[parts.count] - parts.begin[0]));
    if (count == 0) return cudaSuccess;
    join_columns<<<block_count(count), block_threads, 0, stream>>>(parts, count, scale, shift, static_cast<const Value*>(residual), relu,
                                                                   static_cast<Value*>(out));
    return cudaGetLastError();
}

}  // namespace

cudaError_t launch_join_columns(const PartPack& parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                                const void* residual, bool relu, void* out, cudaStream_t stream) {
    const auto of_type = element == Element::float32 ? launch<float> : launch<__nv_bfloat16>;
    return of_type(parts, rows, scale, shift, residual, relu, out, stream);
}

}  // namespace orograph::gpu
