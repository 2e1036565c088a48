#include "orograph/evaluate/affine_space.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/perturb.hpp"

#include <algorithm>

#if OROGRAPH_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

namespace orograph::evaluate {

namespace {

void* current_stream([[maybe_unused]] at::Device device) {
#if OROGRAPH_CUDA
    return c10::cuda::getCurrentCUDAStream(device.index()).stream();
#else
    return nullptr;
#endif
}

// Elements [first, first + out.size()) of the sum into `out`, on the CPU.
void perturb_range(std::span<float> out, const at::Tensor& centre, const std::vector<at::Tensor>& directions,
                   std::span<const float> coefficients, std::int64_t first) {
    const auto range = [&](const at::Tensor& values) { return std::span<const float>(values.const_data_ptr<float>() + first, out.size()); };
    std::vector<std::span<const float>> ranges;
    for (const at::Tensor& direction : directions) ranges.push_back(range(direction));
    gpu::perturb_cpu(out, range(centre), ranges, coefficients);
}

// out = centre + c_0 d_0 + c_1 d_1 + ...; all [n] on one device.
void perturb(const at::Tensor& out, const at::Tensor& centre, const std::vector<at::Tensor>& directions,
             std::span<const float> coefficients, const MovingWeights::Run& run) {
    if (centre.numel() == 0) return;
    if (centre.is_cuda()) {
        std::vector<const float*> pointers;
        for (const at::Tensor& direction : directions) pointers.push_back(direction.const_data_ptr<float>());
        gpu::perturb_cuda(out.data_ptr<float>(), centre.const_data_ptr<float>(), static_cast<std::size_t>(centre.numel()), pointers,
                          coefficients, current_stream(centre.device()));
        return;
    }
    constexpr std::int64_t part = 1 << 16;  // elements that a thread takes
    const std::int64_t count = out.numel();
    run((count + part - 1) / part, [&](std::int64_t i) {
        const std::int64_t first = i * part, size = std::min(part, count - first);
        perturb_range({out.data_ptr<float>() + first, static_cast<std::size_t>(size)}, centre, directions, coefficients, first);
    });
}

}  // namespace

MovingWeights::MovingWeights(AffineSpace space) : space_(std::move(space)), point_(space_.centre.clone()) {
    for ([[maybe_unused]] const AffineSpace::Direction& direction : space_.directions) {
        OROGRAPH_EXPECT(direction.delta.parameters.numel() == point_.parameters.numel());
        OROGRAPH_EXPECT(direction.delta.states.numel() == point_.states.numel());
    }
}

const model::Weights& MovingWeights::at(std::span<const double> coefficients, const Run& run) {
    const auto [directions, factors] = parameters_of(coefficients);
    perturb(point_.parameters, space_.centre.parameters, directions, factors, run);
    states_at(coefficients, run);
    return point_;
}

const at::Tensor& MovingWeights::states_at(std::span<const double> coefficients, const Run& run) {
    std::vector<at::Tensor> directions;
    std::vector<float> factors;
    for (std::size_t k = 0; k < space_.directions.size(); ++k) {
        if (!space_.directions[k].moves_states) continue;
        directions.push_back(space_.directions[k].delta.states);
        factors.push_back(static_cast<float>(coefficients[k]));
    }
    perturb(point_.states, space_.centre.states, directions, factors, run);
    return point_.states;
}

void MovingWeights::read_parameters(std::span<const double> coefficients, std::int64_t first, std::span<float> out) const {
    const auto [directions, factors] = parameters_of(coefficients);
    perturb_range(out, space_.centre.parameters, directions, factors, first);
}

MovingWeights::Sum MovingWeights::parameters_of(std::span<const double> coefficients) const {
    OROGRAPH_EXPECT(coefficients.size() == space_.directions.size());
    Sum sum;
    for (const AffineSpace::Direction& direction : space_.directions) sum.directions.push_back(direction.delta.parameters);
    for (const double coefficient : coefficients) sum.factors.push_back(static_cast<float>(coefficient));
    return sum;
}

void MovingWeights::in_order(std::int64_t count, const std::function<void(std::int64_t)>& task) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
}

}  // namespace orograph::evaluate
