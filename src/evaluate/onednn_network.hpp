#pragma once

#include "fold.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

// The oneDNN back end. Its source includes oneDNN's headers and never torch's, whose include folder holds another oneDNN.
namespace orograph::evaluate {

enum class ImageLayout { nchw, nhwc };

// A plan as oneDNN primitives for micro-batches of `batch` images: built once, in the memory formats that the library finds best, with
// reorders only where two of them differ. Primitives and packed weights are shared by all streams and read-only while these run.
class OnednnNetwork {
public:
    OnednnNetwork(const Plan& plan, std::int64_t batch);
    ~OnednnNetwork();

    // The layout in which streams take images.
    ImageLayout image_layout() const;

    // Packs the folded weights of a point. No stream may be running.
    void load(std::span<const FoldedLayer> layers);

    // Logits [batch, classes] of the last run. finite: whether all folded weights and every value of every step were; where not, the run
    // was given up and the logits mean nothing, because oneDNN's ReLU and max pool turn NaN into a number.
    struct Result {
        const float* logits = nullptr;
        bool finite = true;
    };

    // The buffers of one thread. They are reused from layer to layer, so that a micro-batch stays in the core's cache.
    class Stream {
    public:
        explicit Stream(const OnednnNetwork& network);
        ~Stream();
        Stream(Stream&&) noexcept;

        // images: [batch, C, H, W] in image_layout(). The logits stay valid until the next run. The calling thread's OpenMP thread count
        // should be 1.
        Result run(const float* images);

    private:
        struct State;
        std::unique_ptr<State> state_;
    };

    // "2.6.3", of the library in use.
    static std::string version();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace orograph::evaluate
