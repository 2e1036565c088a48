#pragma once

#include "batch_loop.hpp"
#include "cpu_network.hpp"
#include "recalibration.hpp"

namespace orograph::evaluate {

// Recalibration through a compiled plan whose batch norms are steps of their own. fp32; whole batches, one single-threaded stream a worker.
// A batch in which an infinity or a NaN appears is computed once more by the plain network.
class CpuRecalibration {
public:
    // setting: of which the batch and the precision do not count.
    CpuRecalibration(const model::Network& network, const data::Split& images, std::int64_t batch, const CpuSetting& setting, int threads);

    // As Recalibration::states(), on the workers of `loop`.
    at::Tensor states(const model::Weights& weights, BatchLoop& loop, const CancelToken& cancel);

private:
    void load(const model::Weights& weights, BatchLoop& loop);
    std::vector<double> states_of(int worker, const model::Weights& weights, std::int64_t batch);
    const float* images(std::int64_t batch) const;

    Recalibration plain_;
    model::ParameterSpace space_;
    std::int64_t batch_, padded_batch_;
    Plan plan_;
    CpuNetwork cpu_;
    std::vector<std::unique_ptr<CpuNetwork::Stream>> streams_;  // one a worker, once it has work
    std::vector<FoldedLayer> folded_;                           // one a worker
    at::Tensor images_;                                         // as the network takes them
    at::Tensor tail_;                                           // the last ones, and zeros as far as a stream may read
    std::int64_t tail_begin_ = 0;
};

}  // namespace orograph::evaluate
