#pragma once

#include "cuda_queue.hpp"

#include "orograph/evaluate/evaluator.hpp"

namespace orograph::evaluate {

// The evaluators behind make_evaluator(), which has checked the options. A batch of 0 is theirs to choose.

// The plain LibTorch forward, 128 images a batch. On the CPU each thread takes whole batches.
std::unique_ptr<Evaluator> make_reference(const model::Network& network, const Options& options);

// Winograd kernels and oneDNN, 64 images a batch.
std::unique_ptr<Evaluator> make_compiled_cpu(const model::Network& network, const Options& options);

// cuDNN's fused convolutions through LibTorch. On the CPU, where make_evaluator() never asks for it, the same code runs on plain operations:
// slowly, for tests.
std::unique_ptr<Evaluator> make_compiled_cuda(const model::Network& network, const Options& options, Launch launch = Launch::graphs);

// Batches of `batch` images that `images` images fill, the last one perhaps partly.
inline std::int64_t batch_count(std::int64_t images, std::int64_t batch) {
    return (images + batch - 1) / batch;
}

}  // namespace orograph::evaluate
