#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/gpu/fold.hpp"
#include "orograph/gpu/losses.hpp"
#include "orograph/gpu/magnitude.hpp"
#include "orograph/gpu/perturb.hpp"
#include "orograph/gpu/pointwise.hpp"

namespace orograph::gpu {

namespace {

[[noreturn]] void throw_not_configured() {
    throw Error(ExitCode::unavailable, "this program was built without CUDA; use run.device=cpu, or build it with -DOROGRAPH_CUDA=ON");
}

}  // namespace

int device_count() {
    return 0;
}

std::string device_name(int) {
    throw_not_configured();
}

void require_device(int) {
    throw_not_configured();
}

void perturb_cuda(float*, const float*, std::size_t, std::span<const float* const>, std::span<const float>, void*) {
    throw_not_configured();
}

void sum_losses_cuda(const float*, const std::int64_t*, std::int64_t, std::int64_t, int, LossKind, LossSum*, void*) {
    throw_not_configured();
}

void fold_point_cuda(const FoldLayer*, int, int, const FoldPoint&, const FoldedPoint&, void*) {
    throw_not_configured();
}

void join_columns_cuda(std::span<const ColumnPart>, Element, std::int64_t, const float*, const float*, const void*, bool, void*, void*) {
    throw_not_configured();
}

void raise_to_magnitude_cuda(const void*, Element, std::int64_t, std::uint32_t*, void*) {
    throw_not_configured();
}

}  // namespace orograph::gpu
