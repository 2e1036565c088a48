#pragma once

#include "batch_norms.hpp"
#include "fold.hpp"
#include "schedule.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

// The CPU back end. Its source includes oneDNN's headers and never torch's, whose include folder holds another oneDNN.
namespace orograph::evaluate {

enum class ImageLayout { nchw, nhwc };

struct CpuSetting {
    std::int64_t batch = 0;                 // images
    Precision precision = Precision::fp32;  // fp32 or bf16
    Convolution convolution = Convolution::automatic;
    std::string instruction_set;  // "avx2" ..., one that this CPU has
};

// A plan as oneDNN primitives and Winograd kernels: built once. Primitives and packed weights are shared by all streams and read-only while
// these run.
class CpuNetwork {
public:
    CpuNetwork(const Plan& plan, const CpuSetting& setting);
    ~CpuNetwork();

    // What decides the digits: "onednn-2.6.3 avx2 fp32, 17 winograd + 4 direct convolutions (5f1c09aa)".
    std::string identity() const;

    // The library's names for what runs, one a call: "conv+bias+relu conv1 6x28x28: jit:avx2". Steps of our own kernels have none.
    std::vector<std::string> implementations() const;

    // The layout in which streams take images.
    ImageLayout image_layout() const;

    // What to fold and load for a point: all layers, those of many weights in parts that a core's cache holds.
    const std::vector<LayerPart>& parts() const;

    // Packs the folded weights of parts()[index]; with Statistics::of_batch a batch norm's scale and shift are its parameters. Several
    // threads may pack different parts at once. No stream may be running.
    void load(std::size_t index, const FoldedLayer& folded);

    // Logits [batch, classes] of the last run. finite: whether all folded weights and every value of every step were; where not, the run
    // was given up and the logits mean nothing, because ReLU and max pool turn NaN into a number.
    struct Result {
        const float* logits = nullptr;
        bool finite = true;
    };

    // The buffers of one thread.
    class Stream {
    public:
        explicit Stream(const CpuNetwork& network);
        ~Stream();
        Stream(Stream&&) noexcept;

        // images: [batch, C, H, W] in image_layout(), of which the first `count` matter. The logits of these stay valid until the next run.
        // The calling thread's OpenMP thread count should be 1.
        Result run(const float* images, std::int64_t count);

        // In the last run, of what the batch norm `step` normalises. Of a plan with Statistics::of_batch, whose runs give no logits.
        Moments moments(const Step& step) const;

    private:
        struct State;
        std::unique_ptr<State> state_;
    };

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace orograph::evaluate
