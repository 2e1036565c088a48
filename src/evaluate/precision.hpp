#pragma once

#include "orograph/evaluate/evaluator.hpp"

#include <string_view>

namespace orograph::evaluate {

const char* to_string(Precision precision);  // "fp32"

// Whether a machine whose CPU has the instruction set `cpu` (core's instruction_set()) can compute as options ask. Error(unavailable) where
// it cannot, Error(config) where the options contradict each other or one of them would do nothing.
void check_arithmetic(const Options& options, std::string_view cpu);

// How CUDA libraries under LibTorch multiply float32 numbers; process-wide.
void set_cuda_products(at::Float32Precision precision);

// While it lives, LibTorch's operations compute in `precision` on devices of this type. bf16: autocast in the calling thread - convolutions
// and linear layers take and give bfloat16, the rest follows its input. tf32: process-wide. fp32: IEEE, as everywhere else.
class LibTorchPrecision {
public:
    LibTorchPrecision(Precision precision, at::DeviceType device);
    ~LibTorchPrecision();
    LibTorchPrecision(const LibTorchPrecision&) = delete;
    LibTorchPrecision& operator=(const LibTorchPrecision&) = delete;

private:
    Precision precision_;
    at::DeviceType device_;
    bool autocast_before_;
    at::ScalarType type_before_;
};

}  // namespace orograph::evaluate
