#include "orograph/evaluate/affine_space.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/perturb.hpp"

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

// out = centre + c_0 d_0 + c_1 d_1 + ...; all [n] on one device.
void perturb(const at::Tensor& out, const at::Tensor& centre, const std::vector<at::Tensor>& directions,
             std::span<const float> coefficients) {
    const auto count = static_cast<std::size_t>(centre.numel());
    if (count == 0) return;
    if (centre.is_cuda()) {
        std::vector<const float*> pointers;
        for (const at::Tensor& direction : directions) pointers.push_back(direction.const_data_ptr<float>());
        gpu::perturb_cuda(out.data_ptr<float>(), centre.const_data_ptr<float>(), count, pointers, coefficients,
                          current_stream(centre.device()));
        return;
    }
    std::vector<std::span<const float>> spans;
    for (const at::Tensor& direction : directions) spans.emplace_back(direction.const_data_ptr<float>(), count);
    gpu::perturb_cpu({out.data_ptr<float>(), count}, {centre.const_data_ptr<float>(), count}, spans, coefficients);
}

}  // namespace

MovingWeights::MovingWeights(AffineSpace space) : space_(std::move(space)), point_(space_.centre.clone()) {
    for ([[maybe_unused]] const AffineSpace::Direction& direction : space_.directions) {
        OROGRAPH_EXPECT(direction.delta.parameters.numel() == point_.parameters.numel());
        OROGRAPH_EXPECT(direction.delta.states.numel() == point_.states.numel());
    }
}

const model::Weights& MovingWeights::at(std::span<const double> coefficients) {
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
    perturb(point_.parameters, space_.centre.parameters, parameters, all);
    perturb(point_.states, space_.centre.states, states, of_states);
    return point_;
}

}  // namespace orograph::evaluate
