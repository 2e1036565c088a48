#include "two_avx2.hpp"

namespace orograph::evaluate {

// In the place of the library's, which then stays out of the program.
const WinogradKernels winograd_avx512 = kernels_of<TwoAvx2>();

}  // namespace orograph::evaluate
