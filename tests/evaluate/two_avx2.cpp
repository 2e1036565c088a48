#include "two_avx2.hpp"

#include "pointwise_kernel.hpp"

namespace orograph::evaluate {

// In the place of the library's, which then stays out of the program.
const WinogradKernels winograd_avx512 = kernels_of<TwoAvx2>();
const PointwiseKernel pointwise_avx512 = pointwise_kernel_of<16>();

}  // namespace orograph::evaluate
