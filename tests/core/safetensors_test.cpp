#include "orograph/core/safetensors.hpp"

#include "fresh_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace orograph {
namespace {

using testing::HasSubstr;
using testing_support::contents;
using testing_support::error_message;
using testing_support::FreshFolder;
using testing_support::put;

std::string with_length(std::uint64_t length, const std::string& rest) {
    std::string file(8, '\0');
    std::memcpy(file.data(), &length, 8);
    return file + rest;
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
    return with_length(header.size(), header + std::string(data_bytes, '\1'));
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int k = 0; k < times; ++k) out += text;
    return out;
}

FileTensor file_tensor(const std::string& name, const std::string& dtype, const std::vector<std::int64_t>& shape, std::size_t bytes) {
    FileTensor out{name, dtype, shape, std::vector<std::byte>(bytes)};
    for (std::size_t k = 0; k < bytes; ++k) out.data[k] = static_cast<std::byte>(k * 7 + name.size());
    return out;
}

TensorFile small_file() {
    return {{{"epoch", "3"}},
            {file_tensor("a.weight", "F32", {2, 3}, 24), file_tensor("count", "I64", {}, 8), file_tensor("flags", "BOOL", {5}, 5)}};
}

struct Hostile {
    std::string what;
    std::string bytes;
    std::string told;
};

std::vector<Hostile> hostile_files() {
    const std::string good = tensor("a", "F32", "[2]", "[0,8]");
    return {
        {"empty file", "", "only 0 bytes"},
        {"length alone", with_length(0, ""), "only 8 bytes"},
        {"empty header", with_length(0, "xxxx"), "start with '{'"},
        {"length beyond the format", with_length(100'000'001, std::string(64, ' ')), "more than the format's"},
        {"length beyond the file", with_length(65, std::string(64, ' ')), "only 64 follow"},
        {"length of all ones", std::string(72, '\xff'), "more than the format's"},
        {"header is a list", file_of("[]", 0), "start with '{'"},
        {"header starts with a blank", file_of(" {" + good + "}", 8), "start with '{'"},
        {"not JSON", file_of("{" + good + ",}", 8), "not valid JSON"},
        {"cut JSON", file_of("{" + good, 8), "not valid JSON"},
        {"text after the JSON", file_of("{" + good + "} x", 8), "not valid JSON"},
        {"not UTF-8", file_of("{\"\xff\xfe\":1}", 8), "not valid JSON"},
        {"repeated tensor", file_of("{" + good + "," + good + "}", 8), "'a' is there twice"},
        {"repeated key in a tensor", file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8),
         "'dtype' is there twice"},
        {"repeated metadata", file_of(R"({"__metadata__":{"k":"1","k":"2"}})", 0), "'k' is there twice"},
        {"deep nesting", file_of("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}", 0), "nested"},
        {"metadata of numbers", file_of(R"({"__metadata__":{"k":1}})", 0), "not a string"},
        {"metadata as list", file_of(R"({"__metadata__":[]})", 0), "not an object"},
        {"tensor is a number", file_of(R"({"a":1})", 0), "'a' is not described"},
        {"no dtype", file_of(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8), "has no dtype"},
        {"no shape", file_of(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8), "has no shape"},
        {"no offsets", file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "has no data_offsets"},
        {"unknown member", file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8), "alone"},
        {"unknown dtype", file_of("{" + tensor("a", "F31", "[2]", "[0,8]") + "}", 8), "unknown dtype 'F31'"},
        {"dtype is a number", file_of(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", 8), "dtype is not a string"},
        {"negative size", file_of("{" + tensor("a", "F32", "[-2]", "[0,8]") + "}", 8), "not a whole number"},
        {"fractional size", file_of("{" + tensor("a", "F32", "[2.0]", "[0,8]") + "}", 8), "not a whole number"},
        {"size beyond int64", file_of("{" + tensor("a", "F32", "[9223372036854775808]", "[0,8]") + "}", 8), "has the entry"},
        {"size beyond 64 bits", file_of("{" + tensor("a", "F32", "[99999999999999999999]", "[0,8]") + "}", 8), "not a whole number"},
        {"product overflows to 8", file_of("{" + tensor("a", "F32", "[4611686018427387906]", "[0,8]") + "}", 8), "overflows"},
        {"product of many overflows", file_of("{" + tensor("a", "F32", "[4294967296,4294967296,0]", "[0,0]") + "}", 0), "overflows"},
        {"65 dimensions", file_of("{" + tensor("a", "U8", "[" + repeated("1,", 64) + "1]", "[0,1]") + "}", 1), "at most 64"},
        {"shape is a number", file_of("{" + tensor("a", "F32", "2", "[0,8]") + "}", 8), "shape is not a list"},
        {"one offset", file_of("{" + tensor("a", "F32", "[2]", "[8]") + "}", 8), "not a pair"},
        {"three offsets", file_of("{" + tensor("a", "F32", "[2]", "[0,8,8]") + "}", 8), "not a pair"},
        {"negative offset", file_of("{" + tensor("a", "F32", "[2]", "[-8,0]") + "}", 8), "not a whole number"},
        {"backward offsets", file_of("{" + tensor("a", "F32", "[2]", "[8,0]") + "}", 8), "run backwards"},
        {"beyond the data", file_of("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", 7), "ends at byte 8 of 7"},
        {"far beyond the data", file_of("{" + tensor("a", "U8", "[1000000000000]", "[0,1000000000000]") + "}", 8), "ends at byte"},
        {"shape and bytes differ", file_of("{" + tensor("a", "F32", "[3]", "[0,8]") + "}", 8), "8 bytes where its dtype and shape make 12"},
        {"hole at the start", file_of("{" + tensor("a", "F32", "[1]", "[4,8]") + "}", 8), "leaving a hole"},
        {"hole between", file_of("{" + tensor("a", "U8", "[2]", "[0,2]") + "," + tensor("b", "U8", "[2]", "[3,5]") + "}", 5),
         "leaving a hole"},
        {"overlap", file_of("{" + tensor("a", "U8", "[4]", "[0,4]") + "," + tensor("b", "U8", "[4]", "[2,6]") + "}", 6),
         "inside the tensor before"},
        {"one place for two", file_of("{" + good + "," + tensor("b", "F32", "[2]", "[0,8]") + "}", 8), "inside the tensor before"},
        {"bytes after the last", file_of("{" + good + "}", 9), "1 bytes follow"},
        {"data without tensors", file_of("{}", 4), "4 bytes follow"},
        {"wrong checksum", file_of(R"({"__metadata__":{"orograph.checksum":"00"},)" + good + "}", 8), "damaged: the checksum"},
        {"line break in a name", file_of("{" + tensor("a\\nb", "F31", "[2]", "[0,8]") + "}", 8), "'a\\nb'"},
    };
}

TEST(Safetensors, RefusesHostileFiles) {
    const FreshFolder folder;
    const std::vector<Hostile> cases = hostile_files();
    for (const Hostile& hostile : cases) {
        SCOPED_TRACE(hostile.what);
        put(folder / "hostile.safetensors", hostile.bytes);
        const std::string message = error_message(ExitCode::data, [&] { read_safetensors(folder / "hostile.safetensors"); });
        EXPECT_THAT(message, HasSubstr(hostile.told));
        EXPECT_THAT(message, HasSubstr("hostile.safetensors"));
        EXPECT_LT(message.size(), 600U);
    }
    EXPECT_EQ(cases.size(), 48U);
}

TEST(Safetensors, AcceptsWhatTheFormatAllows) {
    const FreshFolder folder;
    put(folder / "empty", file_of("{}", 0));
    EXPECT_TRUE(read_safetensors(folder / "empty").tensors.empty());
    put(folder / "order", file_of("{" + tensor("a", "U8", "[2]", "[3,5]") + "," + tensor("b", "U8", "[3]", "[0,3]") + "," +
                                      tensor("c", "F32", "[0,7]", "[3,3]") + "}  ",
                                  5));
    const TensorFile file = read_safetensors(folder / "order");
    ASSERT_EQ(file.tensors.size(), 3U);
    EXPECT_EQ(file.tensors[0].name, "b");
    EXPECT_EQ(file.tensors[1].name, "c");
    EXPECT_EQ(file.tensors[1].shape, (std::vector<std::int64_t>{0, 7}));
    EXPECT_EQ(file.tensors[2].data, (std::vector<std::byte>{std::byte{1}, std::byte{1}}));
}

TEST(Safetensors, ReadsBackWhatItWrote) {
    const FreshFolder folder;
    const TensorFile written = small_file();
    write_safetensors(folder / "file", written);
    const TensorFile read = read_safetensors(folder / "file");
    EXPECT_EQ(read.metadata.at("epoch"), "3");
    EXPECT_EQ(read.metadata.at("orograph.checksum").size(), 32U);
    ASSERT_EQ(read.tensors.size(), written.tensors.size());
    for (const FileTensor& expected : written.tensors) {
        const auto found =
            std::find_if(read.tensors.begin(), read.tensors.end(), [&](const FileTensor& t) { return t.name == expected.name; });
        ASSERT_NE(found, read.tensors.end());
        EXPECT_EQ(found->dtype, expected.dtype);
        EXPECT_EQ(found->shape, expected.shape);
        EXPECT_EQ(found->data, expected.data);
    }
    EXPECT_EQ(folder.entries(), 1);
}

TEST(Safetensors, AlignsEveryTensorToItsElements) {
    const FreshFolder folder;
    write_safetensors(folder / "file",
                      {{}, {file_tensor("a", "U8", {3}, 3), file_tensor("b", "I64", {1}, 8), file_tensor("c", "F32", {1}, 4)}});
    const std::string file = contents(folder / "file");
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    EXPECT_EQ(length % 8, 0U);
    const TensorFile read = read_safetensors(folder / "file");
    ASSERT_EQ(read.tensors.size(), 3U);
    EXPECT_EQ(read.tensors[0].name, "b");
    EXPECT_EQ(read.tensors[1].name, "c");
    EXPECT_EQ(read.tensors[2].name, "a");
}

TEST(Safetensors, RefusesEveryTruncation) {
    const FreshFolder folder;
    write_safetensors(folder / "whole", small_file());
    const std::string whole = contents(folder / "whole");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(folder / "cut", whole.substr(0, size));
        error_message(ExitCode::data, [&] { read_safetensors(folder / "cut"); });
    }
    put(folder / "long", whole + "x");
    error_message(ExitCode::data, [&] { read_safetensors(folder / "long"); });
    EXPECT_GT(whole.size(), 200U);
}

// A flipped bit in the data is always found; one in the header is found, or leaves a file that still keeps every promise.
TEST(Safetensors, NeverStumblesOverAFlippedBit) {
    const FreshFolder folder;
    write_safetensors(folder / "whole", small_file());
    const std::string whole = contents(folder / "whole");
    const std::size_t data_begin = whole.size() - 37;
    std::size_t refused = 0;
    for (std::size_t place = 0; place < whole.size(); ++place) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string flipped = whole;
            flipped[place] = static_cast<char>(flipped[place] ^ (1 << bit));
            put(folder / "flipped", flipped);
            try {
                read_safetensors(folder / "flipped");
                EXPECT_LT(place, data_begin);
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), ExitCode::data);
                ++refused;
            }
        }
    }
    EXPECT_GT(refused, 37U * 8U);
}

TEST(Safetensors, SaysWhenThereIsNoFile) {
    const FreshFolder folder;
    EXPECT_THAT(error_message(ExitCode::no_input, [&] { read_safetensors(folder / "absent"); }), HasSubstr("absent"));
    EXPECT_THAT(error_message(ExitCode::no_input, [&] { read_safetensors(folder.path()); }), HasSubstr("folder"));
}

}  // namespace
}  // namespace orograph
