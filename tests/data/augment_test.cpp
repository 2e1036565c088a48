#include "orograph/data/augment.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <tuple>

namespace orograph::data {
namespace {

// Images whose pixels all differ and are not zero.
at::Tensor numbered_images(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
    return at::arange(1, count * channels * height * width + 1, at::kFloat).view({count, channels, height, width});
}

at::Tensor first_samples(std::int64_t count) {
    return at::arange(count, at::kLong);
}

struct Change {
    std::int64_t top, left;
    bool mirrored;
    auto operator<=>(const Change&) const = default;
};

// The oracle, with LibTorch's own padding, narrowing and flipping.
at::Tensor apply(const at::Tensor& image, const Change& change, std::int64_t crop) {
    const at::Tensor padded = at::constant_pad_nd(image, {crop, crop, crop, crop});
    const at::Tensor cropped = padded.narrow(1, change.top, image.size(1)).narrow(2, change.left, image.size(2));
    return change.mirrored ? cropped.flip({2}) : cropped;
}

// The one change that makes `result` of `image`; fails the test where there is none or more than one.
Change find_change(const at::Tensor& image, const at::Tensor& result, std::int64_t crop) {
    std::vector<Change> found;
    for (std::int64_t top = 0; top <= 2 * crop; ++top) {
        for (std::int64_t left = 0; left <= 2 * crop; ++left) {
            for (const bool mirrored : {false, true}) {
                if (at::equal(apply(image, {top, left, mirrored}, crop), result)) found.push_back({top, left, mirrored});
            }
        }
    }
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? Change{} : found.front();
}

TEST(Augment, DoesNothingWithoutCropAndFlip) {
    const at::Tensor images = numbered_images(5, 3, 8, 8);
    const at::Tensor result = augment(images, {0, false}, 1, 0, first_samples(5));
    EXPECT_TRUE(at::equal(result, images));
    EXPECT_NE(result.const_data_ptr(), images.const_data_ptr());
}

TEST(Augment, EachResultIsACropAndAllOccurEquallyOften) {
    constexpr std::int64_t count = 162 * 30;
    const at::Tensor image = numbered_images(1, 1, 6, 5);
    const at::Tensor results = augment(image.expand({count, 1, 6, 5}).contiguous(), {4, true}, 9, 2, first_samples(count));
    std::map<Change, int> seen;
    for (std::int64_t k = 0; k < count; ++k) {
        const at::Tensor result = results[k];
        // Images cropped to nothing but padding look alike; none is with 5 of 6 rows and 4 of 5 columns at most shifted out.
        ++seen[find_change(image[0], result, 4)];
    }
    EXPECT_EQ(seen.size(), 162U);
    double chi_square = 0;
    for (const auto& [change, times] : seen) chi_square += (times - 30.0) * (times - 30.0) / 30.0;
    EXPECT_LT(chi_square, 161 + 6 * std::sqrt(2.0 * 161));
}

TEST(Augment, MovesAllChannelsTogetherInBothMemoryFormats) {
    const at::Tensor images = numbered_images(20, 3, 8, 8);
    const at::Tensor first = augment(images, {4, true}, 3, 1, first_samples(20));
    const at::Tensor last = augment(images.contiguous(at::MemoryFormat::ChannelsLast), {4, true}, 3, 1, first_samples(20));
    EXPECT_TRUE(first.is_contiguous());
    EXPECT_TRUE(last.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(at::equal(first, last));
    for (std::int64_t k = 0; k < 20; ++k) find_change(images[k], first[k], 4);
}

TEST(Augment, TakesImagesWithGapsBetween) {
    const at::Tensor wide = numbered_images(4, 3, 8, 16);
    const at::Tensor images = wide.slice(3, 0, 16, 2);
    EXPECT_TRUE(
        at::equal(augment(images, {2, true}, 3, 1, first_samples(4)), augment(images.contiguous(), {2, true}, 3, 1, first_samples(4))));
}

TEST(Augment, FlipsWithoutCropAndCropsWithoutFlip) {
    const at::Tensor images = numbered_images(200, 1, 6, 6);
    const at::Tensor flipped = augment(images, {0, true}, 5, 0, first_samples(200));
    const at::Tensor cropped = augment(images, {1, false}, 5, 0, first_samples(200));
    std::int64_t mirrored = 0;
    for (std::int64_t k = 0; k < 200; ++k) {
        mirrored += find_change(images[k], flipped[k], 0).mirrored ? 1 : 0;
        EXPECT_FALSE(find_change(images[k], cropped[k], 1).mirrored);
    }
    EXPECT_GT(mirrored, 60);
    EXPECT_LT(mirrored, 140);
}

// A sample's draw depends on seed, epoch and its own number, not on its batch or place.
TEST(Augment, DrawsBySampleSeedAndEpoch) {
    const at::Tensor images = numbered_images(64, 1, 8, 8);
    const Augmentation both{4, true};
    const at::Tensor whole = augment(images, both, 7, 3, first_samples(64));
    const at::Tensor order = at::tensor({40, 3, 63, 0}, at::kLong);
    EXPECT_TRUE(at::equal(augment(images.index_select(0, order), both, 7, 3, order), whole.index_select(0, order)));
    EXPECT_TRUE(at::equal(augment(images, both, 7, 3, first_samples(64)), whole));
    EXPECT_FALSE(at::equal(augment(images, both, 8, 3, first_samples(64)), whole));
    EXPECT_FALSE(at::equal(augment(images, both, 7, 4, first_samples(64)), whole));
    EXPECT_EQ(augment(images.slice(0, 0, 0), both, 7, 3, first_samples(0)).size(0), 0);
}

}  // namespace
}  // namespace orograph::data
