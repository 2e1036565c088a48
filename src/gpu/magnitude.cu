#include "device.cuh"
#include "launch.hpp"

namespace orograph::gpu {

namespace {

// The magnitude in a 32-bit word: of one float32, or the greater of two bfloat16.
__device__ unsigned int magnitude(unsigned int word, bool two) {
    return two ? max((word << 16) & 0x7fff0000U, word & 0x7fff0000U) : word & 0x7fffffffU;
}

// Words in groups of four, each a load of 16 bytes; thread 0 takes what is left. An odd last bfloat16 comes as `last`.
__global__ void raise_to_magnitude(const unsigned int* words, std::size_t count, const unsigned short* last, bool two, unsigned int* slot) {
    __shared__ unsigned int greatest;
    if (threadIdx.x == 0) greatest = 0;
    __syncthreads();
    unsigned int mine = 0;
    const auto* groups = reinterpret_cast<const uint4*>(words);
    for (std::size_t i = first_index(); i < count / 4; i += grid_stride()) {
        const uint4 group = groups[i];
        mine = max(mine, max(max(magnitude(group.x, two), magnitude(group.y, two)), max(magnitude(group.z, two), magnitude(group.w, two))));
    }
    if (first_index() == 0) {
        for (std::size_t i = count / 4 * 4; i < count; ++i) mine = max(mine, magnitude(words[i], two));
        if (last != nullptr) mine = max(mine, magnitude(*last, two));
    }
    atomicMax(&greatest, mine);  // a maximum: the order of the threads does not matter
    __syncthreads();
    if (threadIdx.x == 0) atomicMax(slot, greatest);
}

}  // namespace

cudaError_t launch_raise_to_magnitude(const void* values, Element element, std::int64_t count, std::uint32_t* slot, cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    const bool two = element == Element::bfloat16;
    const auto words = static_cast<std::size_t>(two ? count / 2 : count);
    const auto* last = two && count % 2 == 1 ? static_cast<const unsigned short*>(values) + count - 1 : nullptr;
    raise_to_magnitude<<<block_count((words + 3) / 4 + 1), block_threads, 0, stream>>>(static_cast<const unsigned int*>(values), words,
                                                                                       last, two, slot);
    return cudaGetLastError();
}

}  // namespace orograph::gpu
