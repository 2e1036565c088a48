#include "raw_split.hpp"

#include "orograph/core/error.hpp"

#include <algorithm>

namespace orograph::data {

RawSplit in_memory(std::int64_t channels, std::int64_t side, std::vector<std::byte> pixels, std::vector<std::int64_t> labels) {
    RawSplit raw{.channels = channels, .height = side, .width = side, .labels = std::move(labels)};
    OROGRAPH_EXPECT(pixels.size() == raw.labels.size() * raw.image_bytes());
    raw.read = [pixels = std::move(pixels), image_bytes = raw.image_bytes()](std::int64_t first, std::int64_t, std::span<std::byte> out) {
        std::copy_n(pixels.data() + static_cast<std::size_t>(first) * image_bytes, out.size(), out.data());
    };
    return raw;
}

}  // namespace orograph::data
