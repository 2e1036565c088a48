#pragma once

#include "orograph/core/stop.hpp"
#include "orograph/data/dataset.hpp"
#include "orograph/evaluate/affine_space.hpp"
#include "orograph/evaluate/arithmetic.hpp"
#include "orograph/model/weights.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orograph::evaluate {

enum class Loss { cross_entropy, mse };
enum class Kind { compiled, reference };

struct Options {
    Loss loss = Loss::cross_entropy;
    Kind kind = Kind::compiled;
    Precision precision = Precision::fp32;
    Convolution convolution = Convolution::automatic;
    std::string instruction_set;  // of the compiled CPU evaluator: "avx2", "avx512"; empty: the widest that this CPU has
    int threads = 1;              // CPU threads of this rank
    at::Device device = at::kCPU;
    std::int64_t batch = 0;  // images a batch; 0: the evaluator's own choice. Part of the numeric identity: sums are per batch.
};

// Sums over one batch: loss in float64 (each sample's loss is computed in float64 from the float32 logits), correct predictions (argmax,
// lowest index wins).
struct BatchSum {
    double loss = 0;
    double correct = 0;
};

// Loss and correct counts of a network at given weights over resident data. The batch partition depends on the split's size and batch()
// only, each batch's sum on its images and the weights only: neither threads nor shards nor order change a bit.
class Evaluator {
public:
    virtual ~Evaluator() = default;

    // Images a batch: shards hold whole batches.
    virtual std::int64_t batch() const = 0;

    // Hands over the data of later calls; kept resident on the device in the layout the kernels want. Returns the split's number for
    // evaluate().
    virtual int add_split(const data::Split& split) = 0;

    // Makes `weights` (on Options::device) those of the next evaluate() calls: a point is set up once for all its splits. The tensors must
    // keep their values until the last of these calls.
    virtual void set_weights(const model::Weights& weights) = 0;

    // Hands over the space (on Options::device) of later move_to() and prepare() calls. What is here sets the weights of each point; a
    // device may make its points where the space lies.
    virtual void set_space(AffineSpace space) { moving_.emplace(std::move(space)); }

    // As set_weights() with the point at `coefficients`, one a direction of the space.
    virtual void move_to(std::span<const double> coefficients) { set_weights(moving_.value().at(coefficients)); }

    // A hint: where the next move_to() will probably go. A device prepares that point while it evaluates the one in hand.
    virtual void prepare(std::span<const double> /*coefficients*/) {}

    // Hands over the images (a train split, not augmented) from which recalibrate() takes the statistics of batch norm, in batches of
    // `batch`; the last one is as small as what is left. To be called before the first point. Error(config): batch norm cannot normalise a
    // last batch of one image. Error(unavailable): why_not_recalibrated().
    virtual void set_recalibration(const data::Split& images, std::int64_t batch) = 0;

    // Gives the weights in hand, for later evaluate() calls, the batch-norm statistics that they have on the images of set_recalibration()
    // (Garipov et al. 2018 sec. 4: reset, then one pass in training mode): each batch is normalised by its own mean and biased variance,
    // and a state is the mean over batches, weighted by their images, of the batches' means or unbiased variances. Sums in float64, in
    // batch order, rounded once. fp32 whatever the precision. All else is as in evaluation:
    // dropout is the identity, states that are no such statistics stay. Returns the states [S] on the weights' device,
    // undefined where `cancel` was set meanwhile. The same bits for any number of threads. Not thread-safe.
    virtual at::Tensor recalibrate(const CancelToken& cancel) = 0;

    // Batch sums in batch order; fewer than all batches where `cancel` was set meanwhile. Not thread-safe. Non-finite losses are returned
    // as they are.
    virtual std::vector<BatchSum> evaluate(int split, const CancelToken& cancel) = 0;

    // Both at once.
    std::vector<BatchSum> evaluate(const model::Weights& weights, int split, const CancelToken& cancel) {
        set_weights(weights);
        return evaluate(split, cancel);
    }

    // What determines the digits beside weights and data: "compiled onednn-2.6.3 avx2 fp32, 17 winograd + 4 direct
    // convolutions (5f1c09aa), batch 64".
    virtual std::string identity() const = 0;

private:
    std::optional<MovingWeights> moving_;
};

// The evaluator of `network` that options ask for. Reference: model::forward through LibTorch on any device. Compiled: BN folded into the
// convolutions at each point, conv+bias(+residual)+ReLU as single operations: oneDNN on the CPU, one single-threaded stream of
// micro-batches per thread; cuDNN on a GPU. Error(unavailable) where the device is not there.
std::unique_ptr<Evaluator> make_evaluator(const model::Network& network, const Options& options);

// The way that an evaluator of this kind computes `network`, for people: "compiled, 23 fused steps: 10 conv+bias+relu, 1 avg_pool, ..." or
// "reference, the plain network's 66 operations one by one", with why the compiled one cannot where that is so. Error(config) where the
// compiled one is asked for and cannot.
std::string describe_path(const model::Network& network, Kind kind);

// The first operation of `network` that the compiled evaluators do not have, in words; empty where they can run it.
std::string why_not_compiled(const model::Network& network);

// Why recalibrate() cannot be used with `network`, in words; empty where it can, or where there is no batch norm.
std::string why_not_recalibrated(const model::Network& network);

// Whether a CPU whose instruction set is `own` (core's instruction_set()) has `wanted`: "avx512" has "avx2" and itself.
bool has_instruction_set(std::string_view own, std::string_view wanted);

// Batches [first, last) of `batches` that shard `shard` of `shards` holds: contiguous, whole, sizes differ by at most one.
struct BatchRange {
    std::int64_t first = 0, last = 0;
};
BatchRange shard_range(std::int64_t batches, int shard, int shards);

// Softmax cross-entropy (natural logarithm) or MSE of softmax against one-hot (mean over classes), summed over `count` samples in order, in
// float64. logits [count, classes] float32. The CPU reference of the CUDA reduction.
BatchSum sum_losses(const float* logits, const std::int64_t* labels, std::int64_t count, int classes, Loss loss);

}  // namespace orograph::evaluate
