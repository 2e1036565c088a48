#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace orograph::evaluate {

// Work that is queued again and again with the same addresses: a CUDA graph.
class Recording {
public:
    virtual ~Recording() = default;
    virtual void replay() = 0;
};

// Work of one device in the order in which it was queued: a CUDA stream. On the CPU, where the same code is tested, all is done at once.
class Queue {
public:
    virtual ~Queue() = default;

    // The stream for kernels of orograph::gpu, a cudaStream_t; null on the CPU.
    virtual void* stream() const = 0;

    // Runs work() with this queue as LibTorch's current one in this thread.
    virtual void run(const std::function<void()>& work) = 0;

    // run() without doing: what work() queues is kept. It must have run once before in this thread, so that libraries have made their
    // plans. Queues that share replayed memory are replayed on one queue only.
    virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;

    // What is queued here from now on starts after what `other`, or LibTorch's current stream in this thread, holds now.
    virtual void wait_for(const Queue& other) = 0;
    virtual void wait_for_current() = 0;

    // A call that waits until all that is queued by now is done.
    virtual std::function<void()> marker() = 0;
};

enum class Launch { graphs, direct };

// A new queue on `device`. direct: recordings call their work anew.
std::unique_ptr<Queue> make_queue(c10::Device device, Launch launch);

}  // namespace orograph::evaluate
