#include "device.cuh"
#include "launch.hpp"

namespace orograph::gpu {

namespace {

// The _rn intrinsics are never contracted to a fused multiply-add.
__global__ void perturb(float* out, const float* centre, std::size_t count, DirectionPack directions) {
    for (std::size_t i = first_index(); i < count; i += grid_stride()) {
        float value = centre[i];
        for (int k = 0; k < directions.count; ++k) value = __fadd_rn(value, __fmul_rn(directions.coordinate[k], directions.data[k][i]));
        out[i] = value;
    }
}

// A NaN is the greatest, the first one wins, as in torch.argmax.
__device__ int argmax(const float* logits, int classes) {
    int best = 0;
    for (int k = 1; k < classes; ++k) {
        if (isnan(logits[best])) break;
        if (logits[k] > logits[best] || isnan(logits[k])) best = k;
    }
    return best;
}

// Sum of exp(z - z[best]) without the term of `best` itself, which is 1.
__device__ double sum_of_others(const float* logits, int classes, int best) {
    double sum = static_cast<double>(logits[best]) - logits[best];  // 0, or NaN where it is infinite, as torch.log_softmax has it
    for (int k = 0; k < classes; ++k)
        if (k != best) sum += exp(static_cast<double>(logits[k]) - logits[best]);
    return sum;
}

__device__ double sample_loss(const float* logits, int label, int classes, int best, bool cross_entropy) {
    const double others = sum_of_others(logits, classes, best);
    const double top = logits[best];
    if (cross_entropy) return log1p(others) + (top - logits[label]);
    double sum = 0;
    for (int k = 0; k < classes; ++k) {
        const double error = exp(logits[k] - top) / (1 + others) - (k == label ? 1 : 0);
        sum += error * error;
    }
    return sum / classes;
}

// Block b: batch b. Thread t adds its samples t, t + 256, ... in order, then a binary tree adds the threads.
__global__ void sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, std::int64_t batch, int classes,
                           bool cross_entropy, double* slots) {
    __shared__ double loss[block_threads], correct[block_threads];
    double my_loss = 0, my_correct = 0;
    const std::int64_t first = blockIdx.x * batch, end = first + batch < count ? first + batch : count;
    for (std::int64_t i = first + threadIdx.x; i < end; i += block_threads) {
        const float* row = logits + i * classes;
        const int best = argmax(row, classes), label = static_cast<int>(labels[i]);
        my_loss += sample_loss(row, label, classes, best, cross_entropy);
        my_correct += best == label ? 1 : 0;
    }
    loss[threadIdx.x] = my_loss;
    correct[threadIdx.x] = my_correct;
    __syncthreads();
    for (unsigned int half = block_threads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            loss[threadIdx.x] += loss[threadIdx.x + half];
            correct[threadIdx.x] += correct[threadIdx.x + half];
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        slots[2 * blockIdx.x] = loss[0];
        slots[2 * blockIdx.x + 1] = correct[0];
    }
}

}  // namespace

cudaError_t launch_perturb(float* out, const float* centre, std::size_t count, const DirectionPack& directions, cudaStream_t stream) {
    if (count > 0) perturb<<<block_count(count), block_threads, 0, stream>>>(out, centre, count, directions);
    return cudaGetLastError();
}

cudaError_t launch_sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, std::int64_t batch, int classes,
                              bool cross_entropy, double* slots, cudaStream_t stream) {
    const auto batches = static_cast<unsigned int>((count + batch - 1) / batch);
    if (batches > 0) sum_losses<<<batches, block_threads, 0, stream>>>(logits, labels, count, batch, classes, cross_entropy, slots);
    return cudaGetLastError();
}

}  // namespace orograph::gpu
