#include "cuda_emulation.hpp"

#include <ucontext.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace {

ucontext_t scheduler;
const std::function<void()>* code = nullptr;

// A thread of a block, with a stack of its own; it stays for the next block.
class Fiber {
public:
    Fiber() {
        getcontext(&context_);
        context_.uc_stack.ss_sp = stack_.get();
        context_.uc_stack.ss_size = stack_bytes;
        makecontext(&context_, reinterpret_cast<void (*)()>(run_for_ever), 2, half(0), half(32));
    }
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Until it waits or has ended. Returns whether it has.
    bool go_on() {
        ended_ = false;
        swapcontext(&scheduler, &context_);
        return ended_;
    }

    void wait() { swapcontext(&context_, &scheduler); }

private:
    static constexpr std::size_t stack_bytes = 64 << 10;

    // makecontext() hands over ints only.
    unsigned int half(int shift) const { return static_cast<unsigned int>(reinterpret_cast<std::uintptr_t>(this) >> shift); }

    static void run_for_ever(unsigned int low, unsigned int high) {
        auto& fiber = *reinterpret_cast<Fiber*>(low | static_cast<std::uintptr_t>(high) << 32);
        while (true) {
            (*code)();
            fiber.ended_ = true;
            fiber.wait();
        }
    }

    ucontext_t context_{};
    std::unique_ptr<char[]> stack_ = std::make_unique<char[]>(stack_bytes);
    bool ended_ = false;
};

std::vector<std::unique_ptr<Fiber>> fibers;

unsigned int current = 0;  // the thread of the block that runs

void run_block() {
    const unsigned int threads = blockDim.x * blockDim.y;
    std::vector<bool> ended(threads, false);
    for (unsigned int left = threads; left > 0;)
        for (unsigned int i = 0; i < threads; ++i) {
            current = blockIdx.x % 2 == 0 ? i : threads - 1 - i;
            threadIdx = {current % blockDim.x, current / blockDim.x, 0};
            if (ended[current] || !fibers[current]->go_on()) continue;
            ended[current] = true;
            --left;
        }
}

}  // namespace

void __syncthreads() {
    fibers[current]->wait();
}

void emulation::launch(dim3 blocks, dim3 threads, cudaStream_t, const std::function<void()>& thread) {
    code = &thread;
    gridDim = blocks;
    blockDim = threads;
    while (fibers.size() < std::size_t{threads.x} * threads.y) fibers.push_back(std::make_unique<Fiber>());
    for (blockIdx.y = 0; blockIdx.y < blocks.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < blocks.x; ++blockIdx.x) run_block();
}

// The calls of CUDA's runtime that src/gpu/cuda.cpp and the tests make.
extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {.name = "emulated"};
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
    *to = std::malloc(bytes);
    return *to != nullptr || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void* memory) {
    std::free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaGetLastError() {
    return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t) {
    return "an error of the emulation";
}

}  // extern "C"
