#include "orograph/gpu/losses.hpp"

#include "loss_kind.hpp"

#include "orograph/evaluate/evaluator.hpp"

namespace orograph::evaluate {

BatchSum sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, int classes, Loss loss) {
    const gpu::LossSum sum = gpu::sum_losses_cpu(logits, labels, count, classes, kind_of(loss));
    return {sum.loss, sum.correct};
}

}  // namespace orograph::evaluate
