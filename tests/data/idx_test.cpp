#include "idx_files.hpp"

#include "orograph/data/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::error_message;
using testing_support::put;

constexpr const char* debian_folder = "/usr/share/datasets/fashion-mnist";

void put_gzip(const std::filesystem::path& path, const std::string& text) {
    gzFile file = gzopen(path.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    gzclose(file);
}

Dataset load_mnist(const std::filesystem::path& folder) {
    return load({.set = "mnist", .folder = folder});
}

TEST(Idx, PadsAndNormalisesEveryPixel) {
    const IdxFolder folder(3, 2);
    const Dataset dataset = load_mnist(folder.path());
    EXPECT_EQ(dataset.channels, 1);
    EXPECT_EQ(dataset.classes, 10);
    ASSERT_EQ(dataset.splits.size(), 2U);
    std::size_t compared = 0;
    for (const Split& split : dataset.splits) {
        ASSERT_EQ(split.images.sizes(), (at::IntArrayRef{split.size(), 1, 32, 32}));
        const auto images = split.images.accessor<float, 4>();
        for (std::int64_t n = 0; n < split.size(); ++n) {
            EXPECT_EQ(split.labels[n].item<std::int64_t>(), n);
            for (std::int64_t y = 0; y < 32; ++y) {
                for (std::int64_t x = 0; x < 32; ++x, ++compared) {
                    const bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
                    const float byte = inside ? pixel(n, y - 2, x - 2) : 0;
                    ASSERT_EQ(images[n][0][y][x], (byte / 255.0F - 0.1307F) / 0.3081F);
                }
            }
        }
    }
    EXPECT_EQ(compared, 5U * 1024U);
}

// Worked out by hand: 0 -> -0.1307/0.3081, 255 -> (1 - 0.1307)/0.3081.
TEST(Idx, GivesTheValuesWorkedOutByHand) {
    const IdxFolder folder(1, 1);
    std::string images = words({0x803, 1, 28, 28}) + std::string(784, '\0');
    images[16] = '\xff';
    put(folder / "train-images-idx3-ubyte", images);
    const at::Tensor image = load_mnist(folder.path()).find("train")->images[0][0];
    EXPECT_NEAR(image[0][0].item<float>(), -0.42421296, 1e-6);
    EXPECT_NEAR(image[2][2].item<float>(), 2.82148653, 1e-6);
    EXPECT_NEAR(image[2][3].item<float>(), -0.42421296, 1e-6);
}

TEST(Idx, ReadsGzipLikePlain) {
    const IdxFolder plain(5, 2);
    const testing_support::FreshFolder zipped;
    put_gzip(zipped / "train-images-idx3-ubyte.gz", idx_images(5));
    put_gzip(zipped / "train-labels-idx1-ubyte.gz", idx_labels(5));
    const Dataset from_gzip = load({.set = "mnist", .folder = zipped.path(), .splits = {"train"}});
    const Dataset from_plain = load({.set = "mnist", .folder = plain.path(), .splits = {"train"}});
    EXPECT_TRUE(at::equal(from_gzip.splits[0].images, from_plain.splits[0].images));
    EXPECT_TRUE(at::equal(from_gzip.splits[0].labels, from_plain.splits[0].labels));
    EXPECT_EQ(from_gzip.fingerprint, from_plain.fingerprint);
}

TEST(Idx, RefusesADamagedGzip) {
    const testing_support::FreshFolder folder;
    put(folder / "train-images-idx3-ubyte", idx_images(50));
    put_gzip(folder / "train-labels-idx1-ubyte.gz", idx_labels(50));
    const std::string whole = testing_support::contents(folder / "train-labels-idx1-ubyte.gz");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(folder / "train-labels-idx1-ubyte.gz", whole.substr(0, size));
        error_message(ExitCode::data, [&] { load({.set = "mnist", .folder = folder.path(), .splits = {"train"}}); });
    }
    EXPECT_GT(whole.size(), 20U);
}

struct Damage {
    std::string file;
    std::string bytes;
    std::string told;
};

TEST(Idx, RefusesWhatIsNotAsAnnounced) {
    std::string bad_label = idx_labels(4);
    bad_label[8 + 2] = 10;
    const std::vector<Damage> cases{
        {"train-images-idx3-ubyte", "", "truncated"},
        {"train-images-idx3-ubyte", words({0x803, 4, 28}), "truncated"},
        {"train-images-idx3-ubyte", idx_labels(4) + std::string(784, 'x'), "magic number is 2049 instead of 2051"},
        {"train-images-idx3-ubyte", words({0x803, 0, 28, 28}), "claims to hold 0"},
        {"train-images-idx3-ubyte", words({0x803, 0xFFFFFFFF, 28, 28}), "claims to hold 4294967295"},
        {"train-images-idx3-ubyte", words({0x803, 4, 32, 32}) + std::string(4096, 'x'), "32x32"},
        {"train-images-idx3-ubyte", idx_images(4).substr(0, 3000), "train-images-idx3-ubyte"},
        {"train-images-idx3-ubyte", idx_images(4) + "x", "train-images-idx3-ubyte"},
        {"train-images-idx3-ubyte", idx_images(3), "3 images"},
        {"train-labels-idx1-ubyte", idx_images(4), "magic number is 2051 instead of 2049"},
        {"train-labels-idx1-ubyte", idx_labels(4).substr(0, 11), "train-labels-idx1-ubyte"},
        {"train-labels-idx1-ubyte", idx_labels(4) + "x", "train-labels-idx1-ubyte"},
        {"train-labels-idx1-ubyte", bad_label, "label 2 is 10"},
        {"t10k-labels-idx1-ubyte", idx_labels(2), "2 labels"},
    };
    for (const Damage& damage : cases) {
        SCOPED_TRACE(damage.told);
        const IdxFolder folder(4, 3);
        put(folder / damage.file, damage.bytes);
        EXPECT_THAT(error_message(ExitCode::data, [&] { load_mnist(folder.path()); }), HasSubstr(damage.told));
    }
    EXPECT_EQ(cases.size(), 14U);
}

TEST(Idx, NamesWhatIsMissing) {
    const IdxFolder folder(2, 2);
    std::filesystem::remove(folder / "t10k-images-idx3-ubyte");
    EXPECT_THAT(error_message(ExitCode::no_input, [&] { load_mnist(folder.path()); }), HasSubstr("t10k-images-idx3-ubyte"));
    EXPECT_EQ(load({.set = "mnist", .folder = folder.path(), .splits = {"train"}}).splits.size(), 1U);
    const std::string message = error_message(ExitCode::no_input, [] { load({.set = "fashion-mnist", .folder = "/nowhere"}); });
    EXPECT_THAT(message, HasSubstr("/nowhere"));
    EXPECT_THAT(message, HasSubstr("dataset-fashion-mnist"));
}

TEST(FashionMnist, IsWhatXiaoEtAlDescribe) {
    if (!std::filesystem::exists(debian_folder)) GTEST_SKIP() << "Debian's package dataset-fashion-mnist is not installed";
    const Dataset dataset = load({});
    ASSERT_EQ(dataset.splits.size(), 2U);
    const Split& train = *dataset.find("train");
    const Split& test = *dataset.find("test");
    EXPECT_EQ(train.size(), 60'000);
    EXPECT_EQ(test.size(), 10'000);
    EXPECT_TRUE(at::equal(at::bincount(train.labels), at::full({10}, 6'000, at::kLong)));
    EXPECT_TRUE(at::equal(at::bincount(test.labels), at::full({10}, 1'000, at::kLong)));
    const at::Tensor pixels = train.images.slice(2, 2, 30).slice(3, 2, 30).to(at::kDouble);
    EXPECT_NEAR(pixels.mean().item<double>(), 0, 1e-3);
    EXPECT_NEAR(pixels.std().item<double>(), 1, 1e-3);
    const at::Tensor border = train.images.slice(2, 0, 2);
    EXPECT_TRUE(at::equal(border, at::full_like(border, -0.2860F / 0.3530F)));
}

}  // namespace
}  // namespace orograph::data
