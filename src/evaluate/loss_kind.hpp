#pragma once

#include "orograph/evaluate/evaluator.hpp"
#include "orograph/gpu/losses.hpp"

namespace orograph::evaluate {

inline gpu::LossKind kind_of(Loss loss) {
    return loss == Loss::cross_entropy ? gpu::LossKind::cross_entropy : gpu::LossKind::mse;
}

}  // namespace orograph::evaluate
