#include "pointwise_kernel.hpp"

namespace orograph::evaluate {

const PointwiseKernel pointwise_avx2 = pointwise_kernel_of<8>();

}  // namespace orograph::evaluate
