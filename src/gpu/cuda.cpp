#include "launch.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/gpu/fold.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/gpu/magnitude.hpp"
#include "orograph/gpu/perturb.hpp"
#include "orograph/gpu/pointwise.hpp"

#include <algorithm>

namespace orograph::gpu {

namespace {

void check(cudaError_t result, const char* what) {
    OROGRAPH_VALIDATE(result == cudaSuccess, ExitCode::unavailable, "the GPU failed in ", what, ": ", cudaGetErrorString(result),
                      "; see nvidia-smi, or use run.device=cpu");
}

}  // namespace

int device_count() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string device_name(int device) {
    require_device(device);
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    return cat(properties.name, " (sm_", properties.major, properties.minor, ")");
}

void require_device(int device) {
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    OROGRAPH_VALIDATE(result == cudaSuccess, ExitCode::unavailable, "no CUDA device can be used (", cudaGetErrorString(result),
                      "); use run.device=cpu");
    OROGRAPH_VALIDATE(device >= 0 && device < count, ExitCode::unavailable, "CUDA device ", device, " is not there (this process sees ",
                      count, "); use run.device=cpu, or look at CUDA_VISIBLE_DEVICES");
}

void perturb_cuda(float* out, const float* centre, std::size_t count, std::span<const float* const> directions,
                  std::span<const float> coordinates, void* stream) {
    OROGRAPH_EXPECT(directions.size() == coordinates.size());
    std::size_t first = 0;
    do {  // once without directions too: out = centre
        DirectionPack pack{};
        pack.count = static_cast<int>(std::min<std::size_t>(max_directions, directions.size() - first));
        for (int k = 0; k < pack.count; ++k) {
            pack.data[k] = directions[first + k];
            pack.coordinate[k] = coordinates[first + k];
        }
        check(launch_perturb(out, first == 0 ? centre : out, count, pack, static_cast<cudaStream_t>(stream)), "perturb");
        first += max_directions;
    } while (first < directions.size());
}

void sum_losses_cuda(const float* logits, const std::int64_t* labels, std::int64_t count, std::int64_t batch, int classes, LossKind kind,
                     LossSum* slots, void* stream) {
    static_assert(sizeof(LossSum) == 2 * sizeof(double));
    check(launch_sum_losses(logits, labels, count, batch, classes, kind == LossKind::cross_entropy, &slots->loss,
                            static_cast<cudaStream_t>(stream)),
          "sum_losses");
}

void fold_point_cuda(const FoldLayer* layers, int layer_count, int max_outputs, const FoldPoint& point, const FoldedPoint& folded,
                     void* stream) {
    OROGRAPH_EXPECT(point.directions <= max_fold_directions);
    check(launch_fold_point(layers, layer_count, max_outputs, point, folded, static_cast<cudaStream_t>(stream)), "fold_point");
}

void join_columns_cuda(std::span<const ColumnPart> parts, Element element, std::int64_t rows, const float* scale, const float* shift,
                       const void* residual, bool relu, void* out, void* stream) {
    PartPack pack{};
    for (const ColumnPart& part : parts) pack.columns += part.columns;
    for (std::size_t first = 0; first < parts.size(); first += max_parts) {
        pack.begin[0] = pack.begin[pack.count];  // where the parts before end
        pack.count = static_cast<int>(std::min<std::size_t>(max_parts, parts.size() - first));
        for (int k = 0; k < pack.count; ++k) {
            pack.values[k] = parts[first + k].values;
            pack.begin[k + 1] = pack.begin[k] + parts[first + k].columns;
        }
        check(launch_join_columns(pack, element, rows, scale, shift, residual, relu, out, static_cast<cudaStream_t>(stream)),
              "join_columns");
    }
}

void raise_to_magnitude_cuda(const void* values, Element element, std::int64_t count, std::uint32_t* slot, void* stream) {
    check(launch_raise_to_magnitude(values, element, count, slot, static_cast<cudaStream_t>(stream)), "raise_to_magnitude");
}

}  // namespace orograph::gpu
