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

void perturb_on_cpu(const at::Tensor& out, const at::Tensor& centre, const std::vector<at::Tensor>& directions,
                    std::span<const float> coefficients, const MovingWeights::Run& run) {
    constexpr std::int64_t part = 1 << 14;  // elements a task: its share of `out` stays in the L2 cache
    run((centre.numel() + part - 1) / part, [&](std::int64_t task) {
        const std::int64_t first = task * part;
        const auto count = static_cast<std::size_t>(std::min(part, centre.numel() - first));
        std::vector<std::span<const float>> spans;
        for (const at::Tensor& direction : directions) spans.emplace_back(direction.const_data_ptr<float>() + first, count);
        gpu::perturb_cpu({out.data_ptr<float>() + first, count}, {centre.const_data_ptr<float>() + first, count}, spans, coefficients);
    });
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
    perturb_on_cpu(out, centre, directions, coefficients, run);
}

}  // namespace

MovingWeights::MovingWeights(AffineSpace space) : space_(std::move(space)), point_(space_.centre.clone()) {
    for ([[maybe_unused]] const AffineSpace::Direction& direction : space_.directions) {
        OROGRAPH_EXPECT(direction.delta.parameters.numel() == point_.parameters.numel());
        OROGRAPH_EXPECT(direction.delta.states.numel() == point_.states.numel());
    }
}

const model::Weights& MovingWeights::at(std::span<const double> coefficients, const Run& run) {
    OROGRAPH_EXPECT(coefficients.size() == space_.directions.size());
    std::vector<at::Tensor> parameters, states;
    std::vector<float> all, of_states;
    for (std::size_t k = 0; k < space_.directions.size(); ++k) {
        const auto& [delta, moves_states] = space_.directions[k];
        parameters.push_back(delta.parameters);
        all.push_back(static_cast<float>(coefficients[k]));
        if (!moves_states) continue;
        states.push_back(delta.states);
        of_states.push_back(all.back());
    }
    perturb(point_.parameters, space_.centre.parameters, parameters, all, run);
    perturb(point_.states, space_.centre.states, states, of_states, run);
    return point_;
}

void MovingWeights::in_order(std::int64_t count, const std::function<void(std::int64_t)>& task) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
}

}  // namespace orograph::evaluate
