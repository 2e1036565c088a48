#include "orograph/data/augment.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/random.hpp"

#include <algorithm>

namespace orograph::data {
namespace {

// Apart from the streams that others draw from with the same seed, one an epoch.
constexpr std::uint64_t first_stream = std::uint64_t{2} << 32;

// Where the crop starts in the padded image, and whether it is mirrored.
struct Draw {
    std::int64_t top = 0, left = 0;
    bool mirrored = false;
};

Draw draw(const CounterRandom& random, const Augmentation& augmentation, std::int64_t sample) {
    const std::uint64_t counter = 3 * static_cast<std::uint64_t>(sample);
    const auto offsets = static_cast<std::uint64_t>(2 * augmentation.crop + 1);
    return {static_cast<std::int64_t>(random.below(offsets, counter)), static_cast<std::int64_t>(random.below(offsets, counter + 1)),
            augmentation.flip && random.below(2, counter + 2) == 1};
}

// One image in memory: `planes` planes of height x width pixels of `values` floats. Channels first: values = 1; channels last: planes = 1.
struct Layout {
    std::int64_t planes, height, width, values;
};

Layout layout_of(const at::Tensor& images) {
    const std::int64_t channels = images.size(1);
    const bool channels_first = images.is_contiguous();
    return {channels_first ? channels : 1, images.size(2), images.size(3), channels_first ? 1 : channels};
}

// Row y of the result of one plane; source_row is null where the crop looks at the padding.
void move_row(const float* source_row, float* out_row, const Layout& layout, std::int64_t shift, bool mirrored) {
    for (std::int64_t x = 0; x < layout.width; ++x) {
        const std::int64_t from = (mirrored ? layout.width - 1 - x : x) + shift;
        const bool inside = source_row != nullptr && from >= 0 && from < layout.width;
        for (std::int64_t v = 0; v < layout.values; ++v)
            out_row[x * layout.values + v] = inside ? source_row[from * layout.values + v] : 0.0F;
    }
}

void move_image(const float* source, float* out, const Layout& layout, const Draw& draw, int crop) {
    const std::int64_t row_size = layout.width * layout.values;
    for (std::int64_t plane = 0; plane < layout.planes; ++plane) {
        const std::int64_t first_row = plane * layout.height;
        for (std::int64_t y = 0; y < layout.height; ++y) {
            const std::int64_t from = y + draw.top - crop;
            const bool inside = from >= 0 && from < layout.height;
            move_row(inside ? source + (first_row + from) * row_size : nullptr, out + (first_row + y) * row_size, layout, draw.left - crop,
                     draw.mirrored);
        }
    }
}

}  // namespace

at::Tensor augment(const at::Tensor& images, const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                   const at::Tensor& sample_index) {
    OROGRAPH_EXPECT(images.dim() == 4 && images.is_cpu() && images.scalar_type() == at::kFloat && augmentation.crop >= 0);
    OROGRAPH_EXPECT(sample_index.dim() == 1 && sample_index.size(0) == images.size(0) && sample_index.scalar_type() == at::kLong);
    const bool dense = images.is_contiguous() || images.is_contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor source = dense ? images : images.contiguous();
    const at::Tensor samples = sample_index.contiguous();
    at::Tensor out = at::empty_like(source);

    const Layout layout = layout_of(source);
    const std::int64_t image_size = source.numel() / std::max<std::int64_t>(source.size(0), 1);
    const CounterRandom random(seed, first_stream + static_cast<std::uint64_t>(epoch));
    for (std::int64_t k = 0; k < source.size(0); ++k) {
        const Draw drawn = draw(random, augmentation, samples.const_data_ptr<std::int64_t>()[k]);
        move_image(source.const_data_ptr<float>() + k * image_size, out.data_ptr<float>() + k * image_size, layout, drawn,
                   augmentation.crop);
    }
    return out;
}

}  // namespace orograph::data
