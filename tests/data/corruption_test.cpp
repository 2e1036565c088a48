#include "array_files.hpp"
#include "idx_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::error_message;

constexpr std::int64_t images = 4000;

at::Tensor labels_of(const Source& source, const std::string& split = "train") {
    return load(source).find(split)->labels;
}

std::int64_t differences(const at::Tensor& a, const at::Tensor& b) {
    return at::ne(a, b).sum().item<std::int64_t>();
}

class Corrupted : public testing::Test {
protected:
    Source source(double fraction, std::uint64_t seed = 1) const {
        Source source;
        source.set = "mnist";
        source.folder = folder_.path();
        source.corrupt = Corruption{fraction, seed};
        return source;
    }
    Source clean() const { return source(0); }

    const IdxFolder folder_{images, 500};
};

// With a million classes hardly any drawn label is the true one, so that the images drawn can be counted.
TEST(Corruption, DrawsJustThatManyImages) {
    const testing_support::FreshFolder folder;
    Source source = train_of(put_split(folder / "a.h5", {301, 1, 28, 28}, std::vector<std::int64_t>(301, 7)));
    source.classes = 1'000'000;
    std::size_t cases = 0;
    for (const double fraction : {0.0, 0.25, 0.5, 0.9, 1.0}) {
        source.corrupt = Corruption{fraction, 3};
        const at::Tensor labels = labels_of(source);
        EXPECT_EQ(differences(labels, at::full_like(labels, 7)), std::llround(fraction * 301)) << fraction;
        ++cases;
    }
    EXPECT_EQ(cases, 5U);
}

// Uniform over all classes whatever the true one: of 4000 labels that were k % 10, each pair (true, new) expects 40, sigma 6.3.
TEST_F(Corrupted, LabelsAreUniformAndIndependentOfTheTrueOnes) {
    const at::Tensor pairs = at::bincount(labels_of(clean()) * 10 + labels_of(source(1)), {}, 100);
    EXPECT_EQ(pairs.numel(), 100);
    EXPECT_GT(pairs.min().item<std::int64_t>(), 40 - 4 * 6);
    EXPECT_LT(pairs.max().item<std::int64_t>(), 40 + 4 * 6);
}

TEST_F(Corrupted, DrawnImagesAreSpreadOverTheSplit) {
    const at::Tensor changed = at::ne(labels_of(clean()), labels_of(source(0.5)));
    const at::Tensor parts = changed.view({8, images / 8}).sum(1);
    EXPECT_EQ(parts.numel(), 8);
    EXPECT_GT(parts.min().item<std::int64_t>(), 500 * 0.45 - 50);
    EXPECT_LT(parts.max().item<std::int64_t>(), 500 * 0.45 + 50);
}

TEST_F(Corrupted, SeedsDifferAndRepeat) {
    const at::Tensor first = labels_of(source(0.5, 1));
    EXPECT_TRUE(at::equal(first, labels_of(source(0.5, 1))));
    EXPECT_GT(differences(first, labels_of(source(0.5, 2))), images / 4);
}

TEST_F(Corrupted, ALargerFractionKeepsASmallerOnesLabels) {
    const at::Tensor truth = labels_of(clean()), some = labels_of(source(0.3)), more = labels_of(source(0.6));
    const at::Tensor changed = at::ne(some, truth);
    EXPECT_GT(changed.sum().item<std::int64_t>(), images / 5);
    EXPECT_TRUE(at::equal(some.index({changed}), more.index({changed})));
}

TEST_F(Corrupted, LabelsDoNotDependOnWhatElseIsLoaded) {
    const Dataset whole = load(source(0.5));
    Source part = source(0.5);
    part.splits = {"train"};
    part.limit = 100;
    EXPECT_TRUE(at::equal(labels_of(part), whole.find("train")->labels.slice(0, 0, 100)));
    part.limit.reset();
    part.sample = Sample{100, 9};
    Source clean_part = part;
    clean_part.corrupt.reset();
    const Dataset drawn = load(part), true_labels = load(clean_part);
    EXPECT_TRUE(at::equal(drawn.splits[0].images, true_labels.splits[0].images));
    const auto changed = differences(drawn.splits[0].labels, true_labels.splits[0].labels);
    EXPECT_GT(changed, 25);
    EXPECT_LT(changed, 65);
}

TEST_F(Corrupted, ImagesAndTheTestSplitStay) {
    const Dataset truth = load(clean()), corrupted = load(source(1));
    EXPECT_TRUE(at::equal(truth.find("test")->labels, corrupted.find("test")->labels));
    EXPECT_TRUE(at::equal(truth.find("train")->images, corrupted.find("train")->images));
    EXPECT_NE(truth.fingerprint, corrupted.fingerprint);
    Source none = clean();
    none.corrupt.reset();
    EXPECT_EQ(truth.fingerprint, load(none).fingerprint);
}

TEST_F(Corrupted, ImpossibleFractionsAreConfigurationErrors) {
    for (const double fraction : {-0.1, 1.1, std::nan("")}) {
        EXPECT_THAT(error_message(ExitCode::config, [&] { load(source(fraction)); }), HasSubstr("data.corrupt.fraction"));
    }
}

}  // namespace
}  // namespace orograph::data
