#include "array_files.hpp"

#include "orograph/core/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace orograph::data {
namespace {

using testing::HasSubstr;
using testing_support::contents;
using testing_support::error_message;
using testing_support::FreshFolder;
using testing_support::put;

template <class T>
FileTensor tensor(const std::string& name, const std::string& dtype, const Shape& shape, const std::vector<T>& values) {
    FileTensor out{name, dtype, shape, std::vector<std::byte>(values.size() * sizeof(T))};
    std::memcpy(out.data.data(), values.data(), out.data.size());
    return out;
}

template <class T>
FileTensor label_tensor(const std::string& dtype, const std::vector<std::int64_t>& labels) {
    return tensor<T>("labels", dtype, {static_cast<std::int64_t>(labels.size())}, {labels.begin(), labels.end()});
}

class ArraysInSafetensors : public testing::Test {
protected:
    Source made(std::vector<FileTensor> tensors) const {
        write_safetensors(folder_ / "a.safetensors", {{}, std::move(tensors)});
        return train_of(folder_ / "a.safetensors");
    }
    std::string data_error(const Source& wrong) const {
        return error_message(ExitCode::data, [&] { load(wrong); });
    }

    const FreshFolder folder_;
    const Shape shape_{1500, 1, 28, 28};
    const std::vector<std::int64_t> labels_ = [] {
        std::vector<std::int64_t> labels;
        for (std::int64_t n = 0; n < 1500; ++n) labels.push_back(n * n % 11);
        return labels;
    }();
};

TEST_F(ArraysInSafetensors, AreTheDataOfAnHdf5File) {
    Source hdf5 = train_of(put_split(folder_ / "a.h5", shape_, labels_));
    Source safetensors =
        made({tensor<std::uint8_t>("images", "U8", shape_, pixels<std::uint8_t>(shape_)), label_tensor<std::int64_t>("I64", labels_)});
    for (Source* source : {&hdf5, &safetensors}) {
        source->normalize = Normalization{{0.3}, {0.2}};
        source->sample = Sample{900, 4};
        source->corrupt = Corruption{0.2, 6};
    }
    const Dataset a = load(hdf5), b = load(safetensors);
    EXPECT_EQ(b.splits[0].size(), 900);
    EXPECT_EQ(b.classes, 10);  // no square leaves 10 modulo 11
    EXPECT_TRUE(at::equal(a.splits[0].images, b.splits[0].images));
    EXPECT_TRUE(at::equal(a.splits[0].labels, b.splits[0].labels));
    EXPECT_EQ(a.fingerprint, b.fingerprint);
}

TEST_F(ArraysInSafetensors, FloatsAndNamesOfSplits) {
    const Shape shape{3, 3, 32, 32};
    FileTensor images = tensor<float>("test.images", "F32", shape, pixels<float>(shape)),
               labels = label_tensor<std::uint8_t>("U8", {2, 0, 1});
    labels.name = "test.labels";
    made({images, labels});
    Source source;
    source.set = own_set;
    source.splits = {"test"};
    source.files["test"] = folder_ / "a.safetensors";
    const Split split = load(source).splits[0];
    EXPECT_TRUE(at::equal(split.labels, at::tensor({2, 0, 1}, at::kLong)));
    for (std::int64_t k = 0; k < elements(shape); ++k) ASSERT_EQ(split.images.const_data_ptr<float>()[k], pixel_float(k));
    EXPECT_THAT(data_error(train_of(folder_ / "a.safetensors")), HasSubstr("neither a tensor 'images' nor 'train.images'"));
}

TEST_F(ArraysInSafetensors, LabelsOfEveryIntegerType) {
    const Shape shape{4, 1, 28, 28};
    const std::vector<std::int64_t> labels{3, 0, 100, 7};
    const FileTensor images = tensor<std::uint8_t>("images", "U8", shape, pixels<std::uint8_t>(shape));
    const std::vector<FileTensor> kinds{label_tensor<std::int8_t>("I8", labels),    label_tensor<std::int16_t>("I16", labels),
                                        label_tensor<std::int32_t>("I32", labels),  label_tensor<std::int64_t>("I64", labels),
                                        label_tensor<std::uint8_t>("U8", labels),   label_tensor<std::uint16_t>("U16", labels),
                                        label_tensor<std::uint32_t>("U32", labels), label_tensor<std::uint64_t>("U64", labels)};
    for (const FileTensor& kind : kinds) {
        EXPECT_TRUE(at::equal(load(made({images, kind})).splits[0].labels, at::tensor({3, 0, 100, 7}, at::kLong))) << kind.dtype;
    }
    EXPECT_EQ(kinds.size(), 8U);
    EXPECT_THAT(data_error(made({images, label_tensor<std::int8_t>("I8", {0, 1, -7, 1})})), HasSubstr("image 2 has label -7"));
    EXPECT_THAT(data_error(made({images, label_tensor<std::uint64_t>("U64", {0, 1, 1, -1})})), HasSubstr("image 3 has label -1"));
    EXPECT_THAT(data_error(made({images, label_tensor<float>("F32", labels)})), HasSubstr("labels is float32 [4]"));
}

TEST_F(ArraysInSafetensors, WrongFilesAreRefused) {
    const Shape shape{4, 1, 28, 28};
    const FileTensor images = tensor<std::uint8_t>("images", "U8", shape, pixels<std::uint8_t>(shape));
    EXPECT_THAT(data_error(made({images})), HasSubstr("no tensor 'labels'"));
    const FileTensor halves = tensor<std::uint16_t>("images", "BF16", shape, std::vector<std::uint16_t>(4 * 784));
    EXPECT_THAT(data_error(made({halves, label_tensor<std::uint8_t>("U8", {0, 1, 1, 0})})), HasSubstr("images is BF16 [4, 1, 28, 28]"));
    EXPECT_THAT(data_error(made({images, label_tensor<std::uint8_t>("U8", {0, 1, 1})})), HasSubstr("each image needs one label"));
    made({images, label_tensor<std::uint8_t>("U8", {0, 1, 1, 0})});
    const std::string whole = contents(folder_ / "a.safetensors");
    std::size_t refused = 0;
    for (std::size_t bytes = 0; bytes < whole.size(); bytes += 97, ++refused) {
        put(folder_ / "short.safetensors", whole.substr(0, bytes));
        EXPECT_THAT(data_error(train_of(folder_ / "short.safetensors")), HasSubstr("short.safetensors")) << bytes;
    }
    EXPECT_GT(refused, 30U);
}

}  // namespace
}  // namespace orograph::data
