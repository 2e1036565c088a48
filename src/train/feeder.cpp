#include "feeder.hpp"

#include "orograph/core/random.hpp"
#include "orograph/evaluate/evaluator.hpp"

#include <algorithm>

namespace orograph::train {

namespace {

// Apart from the streams of initial weights (one a tensor), which share the seed.
constexpr std::uint64_t first_shuffle_stream = std::uint64_t{1} << 32;

// With one channel contiguous() finds nothing to do and leaves strides that convolutions read as channels first.
at::Tensor channels_last(const at::Tensor& images) {
    return at::empty(images.sizes(), images.options(), at::MemoryFormat::ChannelsLast).copy_(images);
}

// Images [first, last) of a batch of `images`.
evaluate::BatchRange share_of(std::int64_t images, int rank, int ranks) {
    const int sharers = static_cast<int>(std::clamp<std::int64_t>(images / 2, 1, ranks));
    return rank < sharers ? evaluate::shard_range(images, rank, sharers) : evaluate::BatchRange{};
}

}  // namespace

Feeder::Feeder(const data::Split& split, const Recipe& recipe, at::Device device, int rank, int ranks)
    : split_(split),
      augmentation_(recipe.augmentation),
      seed_(recipe.seed),
      batch_(std::min(recipe.batch, split.size())),
      device_(device),
      rank_(rank),
      ranks_(ranks),
      order_(at::empty({split.size()}, at::kLong)) {}

void Feeder::shuffle(int epoch) {
    const CounterRandom random(seed_, first_shuffle_stream + static_cast<std::uint64_t>(epoch));
    random.fill_permutation({order_.data_ptr<std::int64_t>(), static_cast<std::size_t>(order_.numel())});
    shuffled_epoch_ = epoch;
}

Batch Feeder::batch(int epoch, std::int64_t number) {
    if (shuffled_epoch_ != epoch) shuffle(epoch);
    const std::int64_t first = number * batch_;
    const std::int64_t images_of_all = std::min(batch_, split_.size() - first);
    const evaluate::BatchRange share = share_of(images_of_all, rank_, ranks_);
    const at::Tensor rows = order_.slice(0, first + share.first, first + share.last);
    const double fraction = static_cast<double>(rows.numel()) / static_cast<double>(images_of_all);
    const at::Tensor images = data::augment(split_.images.index_select(0, rows), augmentation_, seed_, epoch, rows);
    const at::Tensor labels = split_.labels.index_select(0, rows);
    if (device_.is_cpu()) return {channels_last(images), labels, fraction, share.first};
    return {images.to(device_), labels.to(device_), fraction, share.first};
}

}  // namespace orograph::train
