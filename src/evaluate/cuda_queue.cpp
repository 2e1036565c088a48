#include "cuda_queue.hpp"

#include "orograph/core/error.hpp"

#if OROGRAPH_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace orograph::evaluate {

namespace {

class DirectRecording : public Recording {
public:
    DirectRecording(Queue& queue, std::function<void()> work) : queue_(queue), work_(std::move(work)) {}
    void replay() override { queue_.run(work_); }

private:
    Queue& queue_;
    std::function<void()> work_;
};

class HostQueue : public Queue {
public:
    void* stream() const override { return nullptr; }
    void run(const std::function<void()>& work) override { work(); }
    std::unique_ptr<Recording> record(const std::function<void()>& work) override { return std::make_unique<DirectRecording>(*this, work); }
    void wait_for(const Queue&) override {}
    void wait_for_current() override {}
    std::function<void()> marker() override {
        return [] {};
    }
};

#if OROGRAPH_CUDA

class GraphRecording : public Recording {
public:
    // Other threads may use the device meanwhile.
    GraphRecording(c10::cuda::CUDAStream stream, at::cuda::MempoolId_t pool, const std::function<void()>& work) : stream_(stream) {
        const c10::cuda::CUDAStreamGuard current(stream_);
        graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
        try {
            work();
        } catch (...) {
            end_failed_capture();
            throw;
        }
        graph_.capture_end();
    }

    void replay() override {
        const c10::cuda::CUDAStreamGuard current(stream_);
        graph_.replay();
    }

private:
    // The stream must leave capture mode; what went wrong is reported already.
    void end_failed_capture() {
        try {
            graph_.capture_end();
        } catch (const std::exception&) {
        }
    }

    c10::cuda::CUDAStream stream_;
    at::cuda::CUDAGraph graph_;
};

class CudaQueue : public Queue {
public:
    CudaQueue(c10::Device device, Launch launch)
        : launch_(launch),
          stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())),
          pool_(at::cuda::graph_pool_handle()) {}

    void* stream() const override { return stream_.stream(); }

    void run(const std::function<void()>& work) override {
        const c10::cuda::CUDAStreamGuard current(stream_);
        work();
    }

    std::unique_ptr<Recording> record(const std::function<void()>& work) override {
        if (launch_ == Launch::direct) return std::make_unique<DirectRecording>(*this, work);
        return std::make_unique<GraphRecording>(stream_, pool_, work);
    }

    void wait_for(const Queue& other) override { wait_for(dynamic_cast<const CudaQueue&>(other).stream_); }
    void wait_for_current() override { wait_for(c10::cuda::getCurrentCUDAStream(stream_.device_index())); }

    std::function<void()> marker() override {
        const auto event = std::make_shared<at::cuda::CUDAEvent>(cudaEventDisableTiming | cudaEventBlockingSync);
        event->record(stream_);
        return [event] { event->synchronize(); };
    }

private:
    void wait_for(const c10::cuda::CUDAStream& other) {
        at::cuda::CUDAEvent event;
        event.record(other);
        event.block(stream_);
    }

    Launch launch_;
    c10::cuda::CUDAStream stream_;
    at::cuda::MempoolId_t pool_;
};

#endif

}  // namespace

std::unique_ptr<Queue> make_queue(c10::Device device, [[maybe_unused]] Launch launch) {
    if (device.is_cpu()) return std::make_unique<HostQueue>();
#if OROGRAPH_CUDA
    return std::make_unique<CudaQueue>(device, launch);
#else
    throw Error(ExitCode::unavailable, "this program was built without CUDA; use run.device=cpu, or build it with -DOROGRAPH_CUDA=ON");
#endif
}

}  // namespace orograph::evaluate
