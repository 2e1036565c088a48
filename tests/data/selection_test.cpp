#include "idx_files.hpp"

#include "orograph/data/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::error_message;

class Selection : public testing::Test {
protected:
    Source source(const std::vector<std::string>& splits = {"train", "test"}) const {
        return {.set = "mnist", .folder = folder_.path(), .splits = splits};
    }

    std::string config_error(const Source& wrong) const {
        return error_message(ExitCode::config, [&] { load(wrong); });
    }

    const IdxFolder folder_{40, 20};
};

TEST_F(Selection, LimitKeepsTheFirstOfEachSplit) {
    Source limited = source();
    limited.limit = 7;
    const Dataset whole = load(source());
    const Dataset part = load(limited);
    for (const std::string name : {"train", "test"}) {
        EXPECT_EQ(part.find(name)->size(), 7);
        EXPECT_TRUE(at::equal(part.find(name)->images, whole.find(name)->images.slice(0, 0, 7)));
        EXPECT_TRUE(at::equal(part.find(name)->labels, whole.find(name)->labels.slice(0, 0, 7)));
    }
    EXPECT_NE(part.fingerprint, whole.fingerprint);
}

TEST_F(Selection, LimitAboveASplitsSizeKeepsAllOfIt) {
    Source limited = source();
    limited.limit = 30;
    const Dataset part = load(limited);
    EXPECT_EQ(part.find("train")->size(), 30);
    EXPECT_EQ(part.find("test")->size(), 20);
    limited.limit = 1'000'000;
    EXPECT_EQ(load(limited).fingerprint, load(source()).fingerprint);
}

// Which train images a sample holds; every image's first row tells it apart.
std::vector<std::int64_t> drawn(const Dataset& sample, const Dataset& whole) {
    std::vector<std::int64_t> indices;
    for (std::int64_t k = 0; k < sample.splits[0].size(); ++k) {
        for (std::int64_t n = 0; n < whole.splits[0].size(); ++n) {
            if (at::equal(sample.splits[0].images[k], whole.splits[0].images[n])) indices.push_back(n);
        }
    }
    return indices;
}

TEST_F(Selection, SampleDrawsDistinctImagesInOrderBySeed) {
    const Dataset whole = load(source({"train"}));
    std::set<std::vector<std::int64_t>> seen;
    std::set<std::int64_t> ever;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Source sampled = source({"train"});
        sampled.sample = Sample{8, seed};
        const std::vector<std::int64_t> indices = drawn(load(sampled), whole);
        ASSERT_EQ(indices.size(), 8U);
        EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
        EXPECT_EQ(std::set(indices.begin(), indices.end()).size(), 8U);
        EXPECT_EQ(indices, drawn(load(sampled), whole));
        seen.insert(indices);
        ever.insert(indices.begin(), indices.end());
    }
    EXPECT_EQ(seen.size(), 20U);
    EXPECT_GT(ever.size(), 35U);
}

TEST_F(Selection, SampleOfASplitDoesNotDependOnTheOthers) {
    Source alone = source({"test"});
    Source together = source({"test", "train"});
    alone.sample = together.sample = Sample{5, 3};
    EXPECT_TRUE(at::equal(load(alone).find("test")->images, load(together).find("test")->images));
    EXPECT_EQ(load(alone).find("train"), nullptr);
}

TEST_F(Selection, ImpossibleRequestsAreConfigurationErrors) {
    Source wrong = source();
    wrong.limit = 0;
    EXPECT_THAT(config_error(wrong), HasSubstr("data.limit is 0"));
    wrong.limit = 5;
    wrong.sample = Sample{5, 1};
    EXPECT_THAT(config_error(wrong), HasSubstr("exclude each other"));
    wrong.limit.reset();
    wrong.sample = Sample{-1, 1};
    EXPECT_THAT(config_error(wrong), HasSubstr("data.sample.count is -1"));
    wrong.sample = Sample{21, 1};
    EXPECT_THAT(config_error(wrong), HasSubstr("data.sample.count asks for 21 images, and split test of mnist has only 20"));
    EXPECT_THAT(config_error(source({})), HasSubstr("data.splits is empty"));
    EXPECT_THAT(config_error(source({"train", "train"})), HasSubstr("twice"));
    EXPECT_THAT(config_error(source({"valid"})), HasSubstr("'valid'"));
    EXPECT_THAT(config_error({.set = "fashon-mnist"}), HasSubstr("did you mean fashion-mnist?"));
    EXPECT_THAT(config_error({.set = "cifar10"}), HasSubstr("data.folder is missing"));
}

TEST_F(Selection, NormalisationIsCheckedAndUsed) {
    const std::vector<Normalization> wrong{{{0.5, 0.5}, {0.5}},
                                           {{}, {}},
                                           {{0.5}, {0}},
                                           {{0.5}, {-1}},
                                           {{0.5}, {1e-60}},
                                           {{std::nan("")}, {1}},
                                           {{0}, {std::numeric_limits<double>::infinity()}}};
    for (const Normalization& constants : wrong) {
        Source bad = source();
        bad.normalize = constants;
        EXPECT_THAT(config_error(bad), HasSubstr("data.normalize"));
    }
    Source bytes = source();
    bytes.normalize = Normalization{{0}, {1.0 / 255}};
    const Dataset scaled = load(bytes);
    EXPECT_NEAR(scaled.splits[0].images[3][0][7][9].item<float>(), pixel(3, 5, 7), 1e-4);
    EXPECT_NE(scaled.fingerprint, load(source()).fingerprint);
    EXPECT_EQ(scaled.normalization.std, (std::vector<double>{1.0 / 255}));
}

TEST_F(Selection, FingerprintSeesBytesLabelsAndSplits) {
    std::set<std::string> digests{load(source()).fingerprint, load(source({"train"})).fingerprint, load(source({"test"})).fingerprint};
    EXPECT_EQ(load(source()).fingerprint, load(source()).fingerprint);
    std::string images = idx_images(40);
    images.back() = static_cast<char>(images.back() ^ 1);
    testing_support::put(folder_ / "train-images-idx3-ubyte", images);
    digests.insert(load(source()).fingerprint);
    testing_support::put(folder_ / "train-images-idx3-ubyte", idx_images(40));
    std::string labels = idx_labels(40);
    labels.back() = static_cast<char>(labels.back() ^ 1);
    testing_support::put(folder_ / "train-labels-idx1-ubyte", labels);
    digests.insert(load(source()).fingerprint);
    EXPECT_EQ(digests.size(), 5U);
}

TEST_F(Selection, SlicesAreCompactCopies) {
    const Split whole = load(source({"train"})).splits[0];
    const Split part = slice(whole, 11, 5);
    EXPECT_EQ(part.name, "train");
    EXPECT_TRUE(at::equal(part.images, whole.images.slice(0, 11, 16)));
    EXPECT_TRUE(at::equal(part.labels, whole.labels.slice(0, 11, 16)));
    EXPECT_EQ(part.images.storage().nbytes(), 5U * 1024U * sizeof(float));
    EXPECT_EQ(part.images.storage_offset(), 0);
    EXPECT_EQ(slice(whole, 40, 0).size(), 0);
}

}  // namespace
}  // namespace orograph::data
