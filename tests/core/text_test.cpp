#include "orograph/core/text.hpp"

#include "orograph/core/quote.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

namespace orograph {
namespace {

using Words = std::vector<std::string>;

TEST(Text, CatWritesPiecesInOrder) {
    EXPECT_EQ(cat("a", 1, '-', 2.5, std::string("b")), "a1-2.5b");
    EXPECT_EQ(cat(""), "");
}

TEST(Text, QuotesShowWhatCanBeShown) {
    EXPECT_EQ(quote("a'b \\"), "'a'b \\'");
    EXPECT_EQ(quote("größe 网 😀"), "'größe 网 😀'");
    EXPECT_EQ(quote(std::string_view("\n\t\x1b\0", 4)), "'\\n\\t\\x1b\\x00'");
    EXPECT_EQ(quote("\xe2\x80\xae \xc2\x9b"), "'\\xe2\\x80\\xae \\xc2\\x9b'");  // right to left, a control character
    // A lone byte, a cut character, "/" in two bytes, half a pair, beyond Unicode.
    EXPECT_EQ(quote("\xff \xc3"), "'\\xff \\xc3'");
    EXPECT_EQ(quote("\xc0\xaf \xed\xa0\x80"), "'\\xc0\\xaf \\xed\\xa0\\x80'");
    EXPECT_EQ(quote("\xf4\x90\x80\x80 \xf8"), "'\\xf4\\x90\\x80\\x80 \\xf8'");
    EXPECT_EQ(quote(std::string(80, 'a')), cat("'", std::string(80, 'a'), "'"));
    EXPECT_EQ(quote(std::string(81, 'a')), cat("'", std::string(80, 'a'), "...'"));
}

TEST(Text, JoinPutsSeparatorsBetween) {
    EXPECT_EQ(join(Words{}), "");
    EXPECT_EQ(join(Words{"a"}), "a");
    EXPECT_EQ(join(Words{"a", "", "c"}), "a, , c");
    EXPECT_EQ(join(Words{"a", "b"}, " | "), "a | b");
}

TEST(Text, NearestFindsMisspeltWords) {
    const Words names{"resnet20", "resnet20_noshort", "vgg9", "mlp"};
    EXPECT_EQ(nearest("resent20", names), "resnet20");
    EXPECT_EQ(nearest("resnet20_nosort", names), "resnet20_noshort");
    EXPECT_EQ(nearest("vgg", names), "vgg9");
    EXPECT_EQ(nearest("mlp", names), "mlp");
    EXPECT_EQ(nearest("transformer", names), "");
    EXPECT_EQ(nearest("", names), "");
    EXPECT_EQ(nearest("x", Words{}), "");
}

TEST(Text, NearestAllowsHalfTheWord) {
    EXPECT_EQ(nearest("abcd", Words{"abxy"}), "abxy");
    EXPECT_EQ(nearest("abcd", Words{"axyz"}), "");
    EXPECT_EQ(nearest("abcd", Words{"abcx", "xbcd"}), "abcx");
}

TEST(Text, ShortestReadsBackAsTheSameDouble) {
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(shortest(1e-5), "1e-05");
    EXPECT_EQ(shortest(-3), "-3");
    EXPECT_EQ(shortest(std::nan("")), "nan");
    EXPECT_EQ(shortest(-std::nan("")), "nan");
    EXPECT_EQ(shortest(-std::numeric_limits<double>::infinity()), "-inf");
    int compared = 0;
    for (double value : {1.0 / 3, 1e22, 5e-324, std::numeric_limits<double>::max(), -0.1 - 0.2, 123456789.123}) {
        EXPECT_EQ(std::strtod(shortest(value).c_str(), nullptr), value);
        ++compared;
    }
    EXPECT_EQ(compared, 6);
}

TEST(Text, HumanDuration) {
    EXPECT_EQ(human_duration(0), "0.0 s");
    EXPECT_EQ(human_duration(-1), "0.0 s");
    EXPECT_EQ(human_duration(3.21), "3.2 s");
    EXPECT_EQ(human_duration(59.94), "59.9 s");
    EXPECT_EQ(human_duration(59.96), "1 min 0 s");
    EXPECT_EQ(human_duration(250), "4 min 10 s");
    EXPECT_EQ(human_duration(3599.4), "59 min 59 s");
    EXPECT_EQ(human_duration(3599.6), "1 h 0 min");
    EXPECT_EQ(human_duration(7500), "2 h 5 min");
    EXPECT_EQ(human_duration(std::numeric_limits<double>::infinity()), "unknown");
}

TEST(Text, HumanBytes) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(1023), "1023 B");
    EXPECT_EQ(human_bytes(1024), "1.0 KiB");
    EXPECT_EQ(human_bytes(1.4 * 1024 * 1024), "1.4 MiB");
    EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.0 MiB");
    EXPECT_EQ(human_bytes(3.0 * std::pow(1024, 4)), "3.0 TiB");
}

}  // namespace
}  // namespace orograph
