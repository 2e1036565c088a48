#include "fresh_folder.hpp"

#include "orograph/data/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::error_message;
using testing_support::FreshFolder;
using testing_support::put;

constexpr std::size_t image_bytes = 3072;

// Byte of the image's flat place (channel, row, column) in record n of file `file`.
std::uint8_t pixel(std::size_t file, std::size_t n, std::size_t place) {
    return static_cast<std::uint8_t>((file * 77 + n * 13 + place * 5 + place / 1024) % 256);
}

// `count` records with the given labels' bytes, coarse first.
std::string records(std::size_t count, std::size_t file, int classes, int coarse_classes) {
    std::string out;
    out.reserve(count * (image_bytes + 2));
    for (std::size_t n = 0; n < count; ++n) {
        if (coarse_classes > 0) out += static_cast<char>(n % static_cast<std::size_t>(coarse_classes));
        out += static_cast<char>((n + file) % static_cast<std::size_t>(classes));
        for (std::size_t place = 0; place < image_bytes; ++place) out += static_cast<char>(pixel(file, n, place));
    }
    return out;
}

float normalised(std::uint8_t byte, std::size_t channel) {
    const double mean[] = {125.3 / 255, 123.0 / 255, 113.9 / 255};
    const double std[] = {63.0 / 255, 62.1 / 255, 66.7 / 255};
    return (static_cast<float>(byte) / 255.0F - static_cast<float>(mean[channel])) / static_cast<float>(std[channel]);
}

// Compares image `index` of the split with record n of the file.
void expect_record(const Split& split, std::int64_t index, std::size_t file, std::size_t n) {
    const at::Tensor image = split.images[index].flatten();
    std::size_t compared = 0;
    for (; compared < image_bytes; ++compared) {
        ASSERT_EQ(image.const_data_ptr<float>()[compared], normalised(pixel(file, n, compared), compared / 1024));
    }
    EXPECT_EQ(compared, 3072U);
}

TEST(Cifar10, TestSplitIsReadRecordByRecord) {
    const FreshFolder folder;
    put(folder / "test_batch.bin", records(10'000, 0, 10, 0));
    const Dataset dataset = load({.set = "cifar10", .folder = folder.path(), .splits = {"test"}});
    EXPECT_EQ(dataset.channels, 3);
    EXPECT_EQ(dataset.classes, 10);
    const Split& test = dataset.splits[0];
    ASSERT_EQ(test.images.sizes(), (at::IntArrayRef{10'000, 3, 32, 32}));
    for (const std::int64_t n : {0, 1, 7'321, 9'999}) expect_record(test, n, 0, static_cast<std::size_t>(n));
    EXPECT_TRUE(at::equal(test.labels, at::arange(10'000).remainder(10)));
}

TEST(Cifar10, TrainSplitIsTheFiveFilesInOrder) {
    const FreshFolder folder;
    const std::string rest(9'999 * (image_bytes + 1), '\0');
    for (std::size_t file = 1; file <= 5; ++file) put(folder / cat("data_batch_", file, ".bin"), records(1, file, 10, 0) + rest);
    const Dataset dataset =
        load({.set = "cifar10", .folder = folder.path(), .splits = {"train"}, .limit = 40'001, .sample = {}, .normalize = {}});
    const Split& train = dataset.splits[0];
    EXPECT_EQ(train.size(), 40'001);
    for (std::size_t file = 1; file <= 5; ++file) {
        const auto index = static_cast<std::int64_t>((file - 1) * 10'000);
        expect_record(train, index, file, 0);
        EXPECT_EQ(train.labels[index].item<std::int64_t>(), static_cast<std::int64_t>(file));
    }
}

TEST(Cifar100, TakesTheFineLabel) {
    const FreshFolder folder;
    put(folder / "test.bin", records(10'000, 3, 100, 20));
    const Dataset dataset = load({.set = "cifar100", .folder = folder.path(), .splits = {"test"}});
    EXPECT_EQ(dataset.classes, 100);
    expect_record(dataset.splits[0], 1'234, 3, 1'234);
    EXPECT_TRUE(at::equal(dataset.splits[0].labels, (at::arange(10'000) + 3).remainder(100)));
}

TEST(Cifar, RefusesWrongSizesAndLabels) {
    const FreshFolder folder;
    const auto load_test = [&](const std::string& set) { load({.set = set, .folder = folder.path(), .splits = {"test"}}); };
    EXPECT_THAT(error_message(ExitCode::no_input, [&] { load_test("cifar10"); }), HasSubstr("test_batch.bin"));

    std::string ten(10'000 * (image_bytes + 1), '\0');
    put(folder / "test_batch.bin", ten.substr(0, ten.size() - 1));
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar10"); }), HasSubstr("30729999 bytes instead of 30730000"));
    put(folder / "test_batch.bin", ten.substr(0, ten.size() - image_bytes - 1));
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar10"); }), HasSubstr("cut short"));
    put(folder / "test_batch.bin", ten + "x");
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar10"); }), HasSubstr("30730001 bytes"));
    ten[4 * (image_bytes + 1)] = 10;
    put(folder / "test_batch.bin", ten);
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar10"); }), HasSubstr("the label of image 4 is 10"));

    std::string hundred(10'000 * (image_bytes + 2), '\0');
    hundred[7 * (image_bytes + 2) + 1] = 100;
    put(folder / "test.bin", hundred);
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar100"); }), HasSubstr("the label of image 7 is 100"));
    hundred[5 * (image_bytes + 2)] = 20;
    put(folder / "test.bin", hundred);
    EXPECT_THAT(error_message(ExitCode::data, [&] { load_test("cifar100"); }), HasSubstr("the label of image 5 is 20"));
}

}  // namespace
}  // namespace orograph::data
