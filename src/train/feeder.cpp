#include "feeder.hpp"

#include "orograph/core/random.hpp"

namespace orograph::train {

namespace {

// Apart from the streams of initial weights (one a tensor), which share the seed.
constexpr std::uint64_t first_shuffle_stream = std::uint64_t{1} << 32;

// With one channel contiguous() finds nothing to do and leaves strides that convolutions read as channels first.
at::Tensor channels_last(const at::Tensor& images) {
    return at::empty(images.sizes(), images.options(), at::MemoryFormat::ChannelsLast).copy_(images);
}

}  // namespace

Feeder::Feeder(const data::Split& split, const Recipe& recipe, at::Device device)
    : split_(split),
      augmentation_(recipe.augmentation),
      seed_(recipe.seed),
      batch_(std::min(recipe.batch, split.size())),
      device_(device),
      order_(at::empty({split.size()}, at::kLong)) {}

void Feeder::shuffle(int epoch) {
    const CounterRandom random(seed_, first_shuffle_stream + static_cast<std::uint64_t>(epoch));
    random.fill_permutation({order_.data_ptr<std::int64_t>(), static_cast<std::size_t>(order_.numel())});
    shuffled_epoch_ = epoch;
}

Batch Feeder::batch(int epoch, std::int64_t number) {
    if (shuffled_epoch_ != epoch) shuffle(epoch);
    const std::int64_t first = number * batch_;
    const at::Tensor rows = order_.slice(0, first, std::min(first + batch_, split_.size()));
    const at::Tensor images = data::augment(split_.images.index_select(0, rows), augmentation_, seed_, epoch, rows);
    const at::Tensor labels = split_.labels.index_select(0, rows);
    if (device_.is_cpu()) return {channels_last(images), labels};
    return {images.to(device_), labels.to(device_)};
}

}  // namespace orograph::train
