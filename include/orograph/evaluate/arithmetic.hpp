#pragma once

namespace orograph::evaluate {

// Of products and stored activations; sums are float32 or wider. fp32: IEEE throughout. tf32: products of 10-bit mantissas (CUDA). bf16:
// bfloat16 weights and activations.
enum class Precision { fp32, tf32, bf16 };

// Of the compiled CPU evaluator. automatic: Winograd's minimal filtering where it is faster, layer by layer; direct: nowhere.
enum class Convolution { automatic, direct };

}  // namespace orograph::evaluate
