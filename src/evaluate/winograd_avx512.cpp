#include "winograd_avx512.hpp"

namespace orograph::evaluate {

const WinogradKernels winograd_avx512 = kernels_of<Avx512>();

}  // namespace orograph::evaluate
