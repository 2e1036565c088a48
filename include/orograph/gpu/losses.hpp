#pragma once

#include <cstddef>
#include <cstdint>

// What a batch of logits is reduced to, in float64. No atomics: the same input gives the same bits every time.
namespace orograph::gpu {

enum class LossKind { cross_entropy, mse };

// Sums over the samples of a batch: losses, and how many predictions are right. On the device two adjacent doubles.
struct LossSum {
    double loss = 0;
    double correct = 0;
};

// Softmax cross-entropy (natural logarithm), or MSE of softmax against one-hot (mean over classes), of logits [count, classes] float32 in C
// order; the first `count` labels are in [0, classes). The prediction is what torch.argmax gives: the lowest index of the maximum, a NaN
// counting as the maximum. NaN logits give a NaN loss. Host memory; samples are added in order.
LossSum sum_losses_cpu(const float* logits, const std::int64_t* labels, std::int64_t count, int classes, LossKind kind);

// The same for each batch of `batch` samples (the last one may be short) on the current CUDA device, into slots[0], slots[1], ... (device
// memory), queued on `stream` (a cudaStream_t) without waiting. Samples are added in a fixed tree, so the last digits differ from the
// CPU's. Error(unavailable) where the program was built without CUDA or the launch fails.
void sum_losses_cuda(const float* logits, const std::int64_t* labels, std::int64_t count, std::int64_t batch, int classes, LossKind kind,
                     LossSum* slots, void* stream);

// Whether all values are finite.
bool all_finite_cpu(const float* values, std::size_t count);

}  // namespace orograph::gpu
