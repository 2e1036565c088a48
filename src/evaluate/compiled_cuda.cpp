#include "cuda_network.hpp"
#include "factories.hpp"
#include "finiteness.hpp"
#include "precision.hpp"
#include "recalibration.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/Context.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <bit>

namespace orograph::evaluate {

namespace {

constexpr std::int64_t most_chunks = 8;  // of a split: a cancellation is seen after a quarter of it at the latest

at::Device with_index(at::Device device) {
    return device.is_cuda() && !device.has_index() ? at::Device(at::kCUDA, 0) : device;
}

// A split on the device: whole batches, the last one filled up with zeros, and where their results go.
struct ResidentSplit {
    at::Tensor images;      // [batches * batch, padded C, H, W], channels last
    at::Tensor labels;      // [images of the split]
    at::Tensor logits;      // [batches * batch, classes] float32
    at::Tensor sums;        // [batches, 2] float64: loss, correct
    at::Tensor magnitudes;  // [batches, measured steps] int32, the bits of float32s
    std::int64_t batches = 0;
    double greatest = 0;  // magnitude of the images
};

// Successive batches as one recording, and the batch after its last one.
struct Chunk {
    std::int64_t end = 0;
    std::unique_ptr<Recording> recording;
};

// The plan on one GPU. Data stay resident, padded, in the precision and order that the convolutions want. A point is one kernel that
// perturbs, folds, rounds and lays out; its batches are CUDA graphs of fused convolutions that are replayed point after point; each batch
// is reduced to its slot on the device. The next point is prepared on another queue. Batches in which an infinity or a NaN may have
// appeared are computed once more by the plain network.
class CompiledCuda : public Evaluator {
public:
    using Evaluator::evaluate;

    CompiledCuda(const model::Network& network, const Options& options, Launch launch)
        : network_(network),
          options_(options),
          device_(with_index(options.device)),
          plan_(make_plan(network)),
          layout_(make_layout(plan_, network.space, options.precision)),
          batch_(options.batch > 0 ? options.batch : choose_batch(plan_, layout_.element)),
          queue_(make_queue(device_, launch)),
          side_(make_queue(device_, launch)) {
        const Scope scope(*this);
        net_.emplace(plan_, layout_, options.precision, batch_, device_, *queue_);
        prepared_.emplace(layout_, device_);
        const auto bytes = static_cast<std::int64_t>(layout_.layers.size() * sizeof(gpu::FoldLayer));
        const at::Tensor host = at::empty({bytes}, at::kByte);
        std::memcpy(host.data_ptr(), layout_.layers.data(), static_cast<std::size_t>(bytes));
        device_layers_ = host.to(device_);
        side_->wait_for_current();
    }

    // What is under way still reads and writes the buffers.
    ~CompiledCuda() override {
        try {
            wait_until_idle();
        } catch (const std::exception& error) {
            log::self(log::Level::warn, error.what());
        }
    }

    std::int64_t batch() const override { return batch_; }

    int add_split(const data::Split& split) override {
        const Scope scope(*this);
        ResidentSplit data;
        data.batches = batch_count(split.size(), batch_);
        data.labels = split.labels.to(device_).contiguous();
        data.images = resident_images(split.images, data.batches);
        data.greatest = split.images.abs().max().item<double>();
        const at::TensorOptions on_device(device_);
        data.logits = at::zeros({data.batches * batch_, network_.classes}, on_device.dtype(at::kFloat));
        data.sums = at::zeros({data.batches, 2}, on_device.dtype(at::kDouble));
        data.magnitudes = at::zeros({data.batches, std::ssize(net_->measured())}, on_device.dtype(at::kInt));
        queue_->wait_for_current();
        splits_.push_back(std::move(data));
        chunks_.emplace_back();
        return static_cast<int>(splits_.size()) - 1;
    }

    void set_weights(const model::Weights& weights) override {
        const Scope scope(*this);
        weights_ = weights;
        queue_->wait_for_current();
        fold(*queue_, point_of(weights), net_->point());
        bounds_.clear();
    }

    void set_space(AffineSpace space) override {
        const Scope scope(*this);
        wait_until_idle();
        space_.emplace(std::move(space));
        prepared_at_.reset();
        queue_->wait_for_current();
        side_->wait_for_current();
    }

    void move_to(std::span<const double> coefficients) override {
        const Scope scope(*this);
        if (space_.value().space().directions.size() > gpu::max_fold_directions) return set_weights(space_->at(coefficients));
        const std::vector<double> wanted(coefficients.begin(), coefficients.end());
        if (prepared_at_ == wanted)
            take_prepared();
        else
            fold(*queue_, point_of(wanted), net_->point());
        weights_.reset();
        at_ = wanted;
        bounds_.clear();
    }

    void prepare(std::span<const double> coefficients) override {
        const Scope scope(*this);
        if (space_.value().space().directions.size() > gpu::max_fold_directions) return;
        prepared_at_.emplace(coefficients.begin(), coefficients.end());
        side_->wait_for(*queue_);  // which may still be copying the point prepared before
        fold(*side_, point_of(*prepared_at_), *prepared_);
    }

    void set_recalibration(const data::Split& images, std::int64_t batch) override {
        recalibration_.emplace(network_, images, batch, device_);
        queue_->wait_for_current();
    }

    at::Tensor recalibrate(const CancelToken& cancel) override {
        const Scope scope(*this);
        const auto in_order = [](std::int64_t count, const std::function<void(int, std::int64_t)>& task) {
            for (std::int64_t i = 0; i < count; ++i) task(0, i);
        };
        at::Tensor states;
        queue_->run([&] {
            const model::Weights& weights = whole_weights();
            const auto plain = [&](int, std::int64_t batch) { return recalibration_.value().plain_states(weights, batch); };
            states = recalibration_.value().states(weights, in_order, plain, cancel);
            if (states.defined()) set_weights({weights.parameters, states});
        });
        return states;
    }

    std::vector<BatchSum> evaluate(int split, const CancelToken& cancel) override {
        const Scope scope(*this);
        const ResidentSplit& data = splits_.at(static_cast<std::size_t>(split));
        std::vector<Chunk>& chunks = chunks_[static_cast<std::size_t>(split)];
        if (chunks.empty()) chunks = record(data);
        const std::int64_t done = replay(chunks, cancel);
        repeat_unproven(data, done);
        return fetch_sums(data, done);
    }

    std::string identity() const override {
        const std::string device =
            device_.is_cuda() ? cat("cudnn-", at::Context::versionCuDNN(), " ", gpu::device_name(device_.index())) : "cpu";
        return cat("compiled libtorch-", TORCH_VERSION, " ", device, " ", to_string(options_.precision), ", ", net_->describe(), ", batch ",
                   batch_);
    }

private:
    // What LibTorch keeps for each thread.
    struct Scope {
        explicit Scope(const CompiledCuda& owner) : device(owner.device_) {}
        c10::OptionalDeviceGuard device;
        c10::InferenceMode inference;
    };

    void wait_until_idle() const {
        side_->marker()();
        queue_->marker()();
    }

    at::Tensor resident_images(const at::Tensor& images, std::int64_t batches) const {
        const auto type = layout_.element == gpu::Element::bfloat16 ? at::kBFloat16 : at::kFloat;
        const std::vector<std::int64_t> sizes{batches * batch_, layout_.image_channels, images.size(2), images.size(3)};
        const at::Tensor resident = at::empty(sizes, at::TensorOptions(device_).dtype(type), at::MemoryFormat::ChannelsLast).zero_();
        resident.narrow(0, 0, images.size(0)).narrow(1, 0, images.size(1)).copy_(images.to(device_));
        return resident;
    }

    static gpu::FoldPoint point_of(const model::Weights& weights) {
        return {.parameters = weights.parameters.const_data_ptr<float>(), .states = weights.states.const_data_ptr<float>()};
    }

    gpu::FoldPoint point_of(const std::vector<double>& coefficients) const {
        const AffineSpace& space = space_->space();
        OROGRAPH_EXPECT(coefficients.size() == space.directions.size());
        gpu::FoldPoint point = point_of(space.centre);
        point.directions = static_cast<int>(coefficients.size());
        for (std::size_t k = 0; k < coefficients.size(); ++k) {
            const auto& [delta, moves_states] = space.directions[k];
            point.parameter_direction[k] = delta.parameters.const_data_ptr<float>();
            if (moves_states) point.state_direction[k] = delta.states.const_data_ptr<float>();
            point.coefficient[k] = static_cast<float>(coefficients[k]);
        }
        return point;
    }

    void fold(const Queue& queue, const gpu::FoldPoint& point, const PointBuffer& out) const {
        fold_point(queue, layout_.layers, device_layers_, layout_.max_outputs, point, out.pointers());
    }

    void take_prepared() {
        queue_->wait_for(*side_);
        queue_->run([this] { net_->point().bytes.copy_(prepared_->bytes); });
        prepared_at_.reset();
    }

    // Batches [first, end) from the images to their sums.
    void queue_batches(const ResidentSplit& data, std::int64_t first, std::int64_t end) const {
        const auto of_batches = [&](const at::Tensor& tensor) { return tensor.narrow(0, first * batch_, (end - first) * batch_); };
        data.magnitudes.narrow(0, first, end - first).zero_();
        for (std::int64_t i = first; i < end; ++i)
            net_->run(data.images.narrow(0, i * batch_, batch_), data.logits.narrow(0, i * batch_, batch_), data.magnitudes[i]);
        net_->finish_logits(of_batches(data.logits));
        sum_batches(data, first, end);
    }

    void sum_batches(const ResidentSplit& data, std::int64_t first, std::int64_t end) const {
        const std::int64_t begin = first * batch_, count = std::min(end * batch_, data.labels.size(0)) - begin;
        sum_losses(*queue_, data.logits.narrow(0, begin, count), data.labels.narrow(0, begin, count), batch_, options_.loss,
                   data.sums.narrow(0, first, end - first));
    }

    // In the thread that evaluates, as cuDNN's plans belong to a thread (ATen/native/cudnn/Conv_v8.cpp); the first batches run once before.
    std::vector<Chunk> record(const ResidentSplit& data) {
        const std::int64_t size = (data.batches + most_chunks - 1) / most_chunks;
        queue_->run([&] { queue_batches(data, 0, std::min(size, data.batches)); });
        queue_->marker()();
        std::vector<Chunk> chunks;
        for (std::int64_t first = 0; first < data.batches; first += size) {
            const std::int64_t end = std::min(first + size, data.batches);
            chunks.push_back({end, queue_->record([this, data, first, end] { queue_batches(data, first, end); })});
        }
        return chunks;
    }

    // One chunk runs and one waits behind it: the device never idles. Returns how many batches are done.
    std::int64_t replay(const std::vector<Chunk>& chunks, const CancelToken& cancel) const {
        std::function<void()> wait_for_previous;
        std::int64_t done = 0;
        for (const Chunk& chunk : chunks) {
            if (cancel.cancelled()) break;
            chunk.recording->replay();
            if (wait_for_previous) wait_for_previous();
            wait_for_previous = queue_->marker();
            done = chunk.end;
        }
        return done;
    }

    at::Tensor fetch(const at::Tensor& tensor) const {
        at::Tensor host;
        queue_->run([&] { host = tensor.cpu(); });
        return host;
    }

    const std::vector<LayerBound>& layer_bounds() {
        if (!bounds_.empty()) return bounds_;
        const at::Tensor norm = fetch(net_->point().norm()), bias = fetch(net_->point().bias()).abs();
        for (const gpu::FoldLayer& layer : layout_.layers) {
            const auto greatest = [&](const at::Tensor& rows) { return rows.narrow(0, layer.row_out, layer.outputs).max().item<double>(); };
            bounds_.push_back({greatest(norm), greatest(bias)});  // LibTorch's max() is NaN where one is
        }
        return bounds_;
    }

    void repeat_unproven(const ResidentSplit& data, std::int64_t batches) {
        const at::Tensor magnitudes = fetch(data.magnitudes);
        const auto row = static_cast<std::size_t>(magnitudes.size(1));
        std::vector<float> measured(row);
        for (std::int64_t batch = 0; batch < batches; ++batch) {
            std::memcpy(measured.data(), magnitudes.const_data_ptr<std::int32_t>() + batch * magnitudes.size(1), row * sizeof(float));
            if (is_proven_finite(plan_, layer_bounds(), data.greatest, net_->measured(), measured)) continue;
            queue_->run([&] { repeat_plainly(data, batch); });
        }
    }

    void repeat_plainly(const ResidentSplit& data, std::int64_t batch) {
        const model::Weights& weights = whole_weights();
        const at::Tensor images = data.images.narrow(0, batch * batch_, batch_).narrow(1, 0, network_.channels).to(at::kFloat).contiguous();
        data.logits.narrow(0, batch * batch_, batch_)
            .copy_(model::forward(network_, model::views(weights.parameters, network_.space.parameters),
                                  model::views(weights.states, network_.space.states), images, model::BatchNormMode::use_states));
        sum_batches(data, batch, batch + 1);
    }

    const model::Weights& whole_weights() {
        if (!weights_) weights_ = space_->at(at_);
        return *weights_;
    }

    std::vector<BatchSum> fetch_sums(const ResidentSplit& data, std::int64_t count) const {
        const at::Tensor sums = fetch(data.sums);
        std::vector<BatchSum> result;
        for (std::int64_t i = 0; i < count; ++i)
            result.push_back({sums.const_data_ptr<double>()[2 * i], sums.const_data_ptr<double>()[2 * i + 1]});
        return result;
    }

    const model::Network network_;
    const Options options_;
    const at::Device device_;
    const Plan plan_;
    const CudaLayout layout_;
    const std::int64_t batch_;
    std::unique_ptr<Queue> queue_, side_;  // of the point in hand and of the next one's preparation
    std::optional<CudaNetwork> net_;
    std::optional<PointBuffer> prepared_;
    std::optional<std::vector<double>> prepared_at_;  // the point in it
    at::Tensor device_layers_;
    std::vector<ResidentSplit> splits_;
    std::vector<std::vector<Chunk>> chunks_;  // of each split; empty before its first evaluation
    std::optional<MovingWeights> space_;
    std::optional<Recalibration> recalibration_;
    std::vector<double> at_;                 // the point in hand, where it lies in space_
    std::optional<model::Weights> weights_;  // of the point in hand, once they are needed whole
    std::vector<LayerBound> bounds_;         // of the point in hand, once they are needed
};

}  // namespace

std::unique_ptr<Evaluator> make_compiled_cuda(const model::Network& network, const Options& options, Launch launch) {
    return std::make_unique<CompiledCuda>(network, options, launch);
}

}  // namespace orograph::evaluate
