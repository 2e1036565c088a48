#include "array_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::error_message;
using testing_support::FreshFolder;

class Arrays : public testing::Test {
protected:
    std::string data_error(const Source& wrong) const {
        return error_message(ExitCode::data, [&] { load(wrong); });
    }
    std::string config_error(const Source& wrong) const {
        return error_message(ExitCode::config, [&] { load(wrong); });
    }
    template <class Pixel = std::uint8_t, class Label = std::int64_t>
    Source made(const Shape& shape, const std::vector<Label>& labels) const {
        return train_of(put_split<Pixel, Label>(folder_ / "a.h5", shape, labels));
    }

    const FreshFolder folder_;
};

TEST_F(Arrays, BytesAreScaledAndNormalised) {
    Source source = made({4, 3, 32, 32}, {2, 0, 1, 2});
    const Dataset plain = load(source);
    EXPECT_EQ(plain.channels, 3);
    EXPECT_EQ(plain.classes, 3);
    ASSERT_EQ(plain.splits[0].images.sizes(), (at::IntArrayRef{4, 3, 32, 32}));
    EXPECT_TRUE(at::equal(plain.splits[0].labels, at::tensor({2, 0, 1, 2}, at::kLong)));
    source.normalize = Normalization{{0.5, 0.25, 0.125}, {2, 0.5, 0.3}};
    const Dataset normalised = load(source);
    const float* bare = plain.splits[0].images.const_data_ptr<float>();
    const float* scaled = normalised.splits[0].images.const_data_ptr<float>();
    const float mean[] = {0.5F, 0.25F, 0.125F}, std[] = {2.0F, 0.5F, 0.3F};
    for (std::int64_t k = 0; k < 4 * 3 * 1024; ++k) {
        const std::int64_t channel = k / 1024 % 3;
        ASSERT_EQ(bare[k], static_cast<float>(pixel_byte(k)) / 255.0F) << k;
        ASSERT_EQ(scaled[k], (static_cast<float>(pixel_byte(k)) / 255.0F - mean[channel]) / std[channel]) << k;
    }
    EXPECT_NE(plain.fingerprint, normalised.fingerprint);
}

TEST_F(Arrays, FloatsAreTakenInTheirOwnScale) {
    Source source = made<float, std::int32_t>({3, 1, 32, 32}, {0, 4, 1});
    const Dataset plain = load(source);
    EXPECT_EQ(plain.classes, 5);
    source.normalize = Normalization{{-3}, {4}};
    const Dataset normalised = load(source);
    for (std::int64_t k = 0; k < 3 * 1024; ++k) {
        ASSERT_EQ(plain.splits[0].images.const_data_ptr<float>()[k], pixel_float(k)) << k;
        ASSERT_EQ(normalised.splits[0].images.const_data_ptr<float>()[k], (pixel_float(k) + 3) / 4) << k;
    }
}

TEST_F(Arrays, SmallBytesArePaddedAsMnist) {
    Source source = made({2, 1, 28, 28}, {1, 0});
    source.normalize = Normalization{{0.25}, {0.5}};
    const at::Tensor images = load(source).splits[0].images;
    ASSERT_EQ(images.sizes(), (at::IntArrayRef{2, 1, 32, 32}));
    std::int64_t padding = 0;
    for (std::int64_t k = 0; k < 2 * 1024; ++k) {
        const std::int64_t y = k / 32 % 32 - 2, x = k % 32 - 2;
        const bool inside = y >= 0 && y < 28 && x >= 0 && x < 28;
        const float byte = inside ? pixel_byte((k / 1024 * 28 + y) * 28 + x) : 0.0F;
        ASSERT_EQ(images.const_data_ptr<float>()[k], (byte / 255.0F - 0.25F) / 0.5F) << k;
        padding += !inside;
    }
    EXPECT_EQ(padding, 2 * (1024 - 784));
    EXPECT_THAT(data_error(made<float>({2, 1, 28, 28}, {1, 0})), HasSubstr("28x28 pixels, and the networks of the table take 32x32"));
}

// The user's own network takes what it was exported for.
TEST_F(Arrays, ImagesKeepTheirSizeForANetworkThatTakesAny) {
    std::int64_t compared = 0;
    for (const ImageShape& image : {ImageShape{1, 28, 28}, {3, 64, 48}, {5, 1, 7}}) {
        Source source = made({2, image[0], image[1], image[2]}, {1, 0});
        source.image = image;
        const at::Tensor images = load(source).splits[0].images;
        ASSERT_EQ(images.sizes(), (at::IntArrayRef{2, image[0], image[1], image[2]}));
        for (std::int64_t k = 0; k < images.numel(); ++k, ++compared)
            ASSERT_EQ(images.const_data_ptr<float>()[k], pixel_byte(k) / 255.0F) << k;
    }
    EXPECT_EQ(compared, 2 * (28 * 28 + 3 * 64 * 48 + 5 * 7));
    Source source = made({2, 1, 28, 28}, {1, 0});
    source.image = ImageShape{1, 32, 32};
    EXPECT_EQ(load(source).splits[0].images.sizes(), (at::IntArrayRef{2, 1, 32, 32}));
}

TEST_F(Arrays, OneFileMayHoldBothSplitsInGroups) {
    const auto path = folder_ / "both.h5";
    h5::create_atomically(path, [&](h5::Group root) {
        put_arrays<std::uint8_t, std::uint8_t>(root.create_group("train"), {3, 1, 32, 32}, {0, 1, 2}, pixels<std::uint8_t>({3, 1, 32, 32}));
        put_arrays<std::uint8_t, std::uint8_t>(root.create_group("test"), {2, 1, 32, 32}, {6, 1}, pixels<std::uint8_t>({2, 1, 32, 32}));
    });
    Source source;
    source.set = own_set;
    source.files = {{"train", path}, {"test", path}};
    const Dataset both = load(source);
    EXPECT_EQ(both.find("train")->size(), 3);
    EXPECT_EQ(both.find("test")->size(), 2);
    EXPECT_EQ(both.classes, 7);  // the test split's, too
    source.splits = {"train"};
    EXPECT_EQ(load(source).classes, 3);
    source.classes = 7;
    EXPECT_EQ(load(source).classes, 7);
    source.splits = {"test"};
    EXPECT_TRUE(at::equal(load(source).splits[0].images, both.find("test")->images));
}

// More images than are read at once, from the middle too.
TEST_F(Arrays, SelectionsAreTheWholesRows) {
    std::vector<std::uint32_t> labels(2500);
    for (std::size_t n = 0; n < labels.size(); ++n) labels[n] = static_cast<std::uint32_t>(n % 5);
    Source source = made<std::uint8_t, std::uint32_t>({2500, 1, 28, 28}, labels);
    const Split whole = load(source).splits[0];
    source.limit = 1025;
    const Split first = load(source).splits[0];
    EXPECT_TRUE(at::equal(first.images, whole.images.slice(0, 0, 1025)));
    EXPECT_TRUE(at::equal(first.labels, whole.labels.slice(0, 0, 1025)));
    source.limit.reset();
    std::int64_t found = 0;
    for (const std::int64_t count : {1, 3, 2500}) {
        source.sample = Sample{count, 5};
        const Split drawn = load(source).splits[0];
        ASSERT_EQ(drawn.size(), count);
        std::int64_t n = 0;
        for (std::int64_t k = 0; k < count; ++k, ++found) {
            while (n < 2500 && !at::equal(drawn.images[k], whole.images[n])) ++n;
            ASSERT_LT(n, 2500) << k;
            EXPECT_EQ(drawn.labels[k].item<std::int64_t>(), n % 5);
            ++n;
        }
    }
    EXPECT_EQ(found, 2504);
}

TEST_F(Arrays, ShapesAndTypesAreChecked) {
    const std::vector<std::int64_t> two{0, 1};
    EXPECT_THAT(data_error(made({2, 1, 64, 64}, two)), HasSubstr("images of 64x64 pixels, and the networks of the table take 32x32"));
    EXPECT_THAT(data_error(made({2, 1, 32, 28}, two)), HasSubstr("32x28"));
    EXPECT_THAT(data_error(made({2, 32, 32, 3}, two)), HasSubstr("[2, 32, 32, 3]: 32 channels"));
    EXPECT_THAT(data_error(made({2, 32, 32}, two)), HasSubstr("four dimensions"));
    EXPECT_THAT(data_error(made({3, 1, 32, 32}, two)), HasSubstr("each image needs one label"));
    EXPECT_THAT(data_error(made({0, 1, 32, 32}, std::vector<std::int64_t>{})), HasSubstr("no images"));
    EXPECT_THAT(data_error(made<double>({2, 1, 32, 32}, two)), HasSubstr("images is float64"));
    EXPECT_THAT(data_error(made<std::uint8_t, float>({2, 1, 32, 32}, {0, 1})), HasSubstr("labels is float32"));
    const auto square = folder_ / "square.h5";
    h5::create_atomically(square, [&](h5::Group root) {
        root.create_dataset<std::uint8_t>("images", {2, 1, 32, 32}, 0);
        root.create_dataset<std::uint8_t>("labels", {2, 1}, 0);
    });
    EXPECT_THAT(data_error(train_of(square)), HasSubstr("labels have one dimension"));
}

TEST_F(Arrays, LabelsAreHeldAgainstTheClasses) {
    Source source = made({3, 1, 32, 32}, {0, 2, 1});
    source.classes = 2;
    EXPECT_THAT(data_error(source), HasSubstr("image 1 has label 2, and there are only 2 classes"));
    EXPECT_THAT(data_error(made({3, 1, 32, 32}, {0, 2, -1})), HasSubstr("image 2 has label -1; labels count from 0"));
    Source far = made({3, 1, 32, 32}, {0, 1'000'000, 1});
    EXPECT_THAT(data_error(far), HasSubstr("image 1 has label 1000000, which would make more classes than images"));
    far.classes = 1'000'001;
    EXPECT_EQ(load(far).classes, 1'000'001);
}

TEST_F(Arrays, PixelsMustBeFinite) {
    for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
        const auto path = folder_ / "bad.h5";
        std::vector<float> images = pixels<float>({4, 1, 32, 32});
        images[2 * 1024 + 5] = bad;
        h5::create_atomically(path, [&](h5::Group root) {
            put_arrays<float, std::uint8_t>(std::move(root), {4, 1, 32, 32}, {0, 1, 0, 1}, images);
        });
        EXPECT_THAT(data_error(train_of(path)), HasSubstr("image 2 has a pixel that is NaN or infinite"));
        Source before = train_of(path);
        before.limit = 2;
        EXPECT_EQ(load(before).splits[0].size(), 2);
    }
    Source overflowing = made<float>({2, 1, 32, 32}, {0, 1});
    overflowing.normalize = Normalization{{0}, {1e-38}};
    EXPECT_THAT(data_error(overflowing), HasSubstr("check data.normalize"));
}

TEST_F(Arrays, SplitsMustBeAlike) {
    Source source = made({2, 1, 32, 32}, {0, 1});
    source.splits = {"train", "test"};
    source.files["test"] = put_split(folder_ / "b.h5", {2, 3, 32, 32}, std::vector<std::int64_t>{0, 1});
    EXPECT_THAT(data_error(source), HasSubstr("images of 3 channels and 32x32 pixels; all splits must be alike"));
    source.files["test"] = put_split<float>(folder_ / "b.h5", {2, 1, 32, 32}, std::vector<std::int64_t>{0, 1});
    EXPECT_THAT(data_error(source), HasSubstr("float32 images of 1 channel and 32x32 pixels; all splits must be alike"));
    source.files["test"] = put_split(folder_ / "b.h5", {2, 1, 28, 28}, std::vector<std::int64_t>{0, 1});
    EXPECT_EQ(load(source).splits[1].images.size(3), 32);  // padded
    source.image = ImageShape{1, 28, 28};
    EXPECT_THAT(data_error(source), HasSubstr("1 channel and 28x28 pixels; all splits must be alike"));
}

TEST_F(Arrays, KeysThatWouldBeIgnoredAreRefused) {
    Source source = made({2, 1, 32, 32}, {0, 1});
    source.splits = {"train", "test"};
    EXPECT_THAT(config_error(source), HasSubstr("data.files.test is missing"));
    source.splits = {"train"};
    source.folder = folder_.path();
    EXPECT_THAT(config_error(source), HasSubstr("data.folder is not for data.set: arrays"));
    source.folder.clear();
    source.classes = 0;
    EXPECT_THAT(config_error(source), HasSubstr("data.classes is 0"));
    source.classes = 2;
    source.normalize = Normalization{{0, 0, 0}, {1, 1, 1}};
    EXPECT_THAT(config_error(source), HasSubstr("needs 1 number each in mean and std"));
    EXPECT_THAT(config_error({.set = "mnist", .folder = folder_.path(), .classes = 10}), HasSubstr("data.classes is for data.set: arrays"));
    EXPECT_THAT(config_error({.set = "mnist", .folder = folder_.path(), .files = source.files}), HasSubstr("data.files is for"));
}

TEST_F(Arrays, FilesAreToldApart) {
    EXPECT_THAT(error_message(ExitCode::no_input, [] { load(train_of("/nowhere.h5")); }), HasSubstr("data.files.train"));
    EXPECT_THAT(error_message(ExitCode::no_input, [&] { load(train_of(folder_.path())); }), HasSubstr("data.files.train"));
    testing_support::put(folder_ / "a.npz", "PK\3\4 not arrays");
    EXPECT_THAT(data_error(train_of(folder_ / "a.npz")), HasSubstr("a.npz"));
    h5::create_atomically(folder_ / "empty.h5", [](h5::Group) {});
    EXPECT_THAT(data_error(train_of(folder_ / "empty.h5")), HasSubstr("neither a dataset 'images' nor a group 'train'"));
    const std::string whole = testing_support::contents(put_split(folder_ / "a.h5", {20, 1, 32, 32}, std::vector<std::int64_t>(20, 1)));
    std::size_t refused = 0;
    for (std::size_t bytes = 8; bytes < whole.size(); bytes += 997, ++refused) {
        testing_support::put(folder_ / "short.h5", whole.substr(0, bytes));
        EXPECT_THAT(data_error(train_of(folder_ / "short.h5")), HasSubstr("short.h5")) << bytes;
    }
    EXPECT_GT(refused, 20U);
}

}  // namespace
}  // namespace orograph::data
