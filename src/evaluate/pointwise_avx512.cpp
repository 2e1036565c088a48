#include "pointwise_kernel.hpp"

namespace orograph::evaluate {

const PointwiseKernel pointwise_avx512 = pointwise_kernel_of<16>();

}  // namespace orograph::evaluate
