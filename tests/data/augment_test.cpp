#include "orograph/data/augment.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

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

std::string bytes_of(const at::Tensor& image) {
    const at::Tensor dense = image.contiguous();
    return {static_cast<const char*>(dense.const_data_ptr()), dense.nbytes()};
}

// Every image that a crop and a flip can make of one, told apart by its bytes.
class Changes {
public:
    Changes(const at::Tensor& image, std::int64_t crop) {
        for (std::int64_t top = 0; top <= 2 * crop; ++top) {
            for (std::int64_t left = 0; left <= 2 * crop; ++left) {
                for (const bool mirrored : {false, true}) {
                    const Change change{top, left, mirrored};
                    EXPECT_TRUE(by_bytes_.emplace(bytes_of(apply(image, change, crop)), change).second);
                }
            }
        }
    }

    // The change that makes `result`; fails the test where there is none.
    Change find(const at::Tensor& result) const {
        const auto found = by_bytes_.find(bytes_of(result));
        if (found != by_bytes_.end()) return found->second;
        ADD_FAILURE() << "no crop and flip makes this image";
        return {};
    }

private:
    std::map<std::string, Change> by_bytes_;
};

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
    // With 4 of 6 rows and of 5 columns shifted out at most, something of the image is left in each result.
    const Changes changes(image[0], 4);
    std::map<Change, int> seen;
    for (std::int64_t k = 0; k < count; ++k) ++seen[changes.find(results[k])];
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
    for (std::int64_t k = 0; k < 20; ++k) Changes(images[k], 4).find(first[k]);
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
        mirrored += Changes(images[k], 0).find(flipped[k]).mirrored ? 1 : 0;
        EXPECT_FALSE(Changes(images[k], 1).find(cropped[k]).mirrored);
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
