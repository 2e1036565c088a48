#include "pointwise_kernel.hpp"

namespace orograph::evaluate {

const PointwiseKernel pointwise_sse2 = pointwise_kernel_of<8>();

}  // namespace orograph::evaluate
