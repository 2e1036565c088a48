#include "orograph/landscape/parametrisation.hpp"

#include "orograph/core/error.hpp"
#include "orograph/gpu/perturb.hpp"

#if OROGRAPH_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

namespace orograph::landscape {

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
             std::span<const float> coordinates) {
    const auto count = static_cast<std::size_t>(centre.numel());
    if (count == 0) return;
    if (centre.is_cuda()) {
        std::vector<const float*> pointers;
        for (const at::Tensor& direction : directions) pointers.push_back(direction.const_data_ptr<float>());
        gpu::perturb_cuda(out.data_ptr<float>(), centre.const_data_ptr<float>(), count, pointers, coordinates,
                          current_stream(centre.device()));
        return;
    }
    std::vector<std::span<const float>> spans;
    for (const at::Tensor& direction : directions) spans.emplace_back(direction.const_data_ptr<float>(), count);
    gpu::perturb_cpu({out.data_ptr<float>(), count}, {centre.const_data_ptr<float>(), count}, spans, coordinates);
}

}  // namespace

AffineSubspace::AffineSubspace(model::Weights centre, std::vector<Direction> directions, at::Device device)
    : centre_(centre.to(device)), point_(centre_.clone()) {
    for (const Direction& direction : directions) {
        OROGRAPH_EXPECT(direction.delta.parameters.numel() == centre_.parameters.numel());
        OROGRAPH_EXPECT(direction.delta.states.numel() == centre_.states.numel());
        deltas_.push_back(direction.delta.to(device));
        moves_states_.push_back(direction.spec.space == Space::states);
    }
}

const model::Weights& AffineSubspace::at(std::span<const double> coordinates) {
    OROGRAPH_EXPECT(coordinates.size() == deltas_.size());
    std::vector<at::Tensor> parameters, states;
    std::vector<float> all, of_states;
    for (std::size_t axis = 0; axis < deltas_.size(); ++axis) {
        parameters.push_back(deltas_[axis].parameters);
        all.push_back(static_cast<float>(coordinates[axis]));
        if (!moves_states_[axis]) continue;
        states.push_back(deltas_[axis].states);
        of_states.push_back(all.back());
    }
    perturb(point_.parameters, centre_.parameters, parameters, all);
    perturb(point_.states, centre_.states, states, of_states);
    return point_;
}

}  // namespace orograph::landscape
