#include "orograph/core/fingerprint.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orograph {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// From Python's xxhash 4.1.0 (xxHash 0.8.4), xxh3_128_hexdigest.
TEST(Fingerprint, AgreesWithPython) {
    EXPECT_EQ(Fingerprint().hex(), "99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(Fingerprint().add(bytes_of("a")).hex(), "a96faf705af16834e6c632b61e964e1f");
}

// xxh3_128_hexdigest(bytes(i * 7 & 255 for i in range(5000)))
TEST(Fingerprint, PiecesAddUpToTheWhole) {
    constexpr std::string_view expected = "a4ba2a60fb07e0166abe8be5abcb2760";
    std::string text;
    for (int i = 0; i < 5000; ++i) text += static_cast<char>(i * 7);
    int compared = 0;
    for (const std::size_t piece : {1, 3, 63, 64, 1024, 5000}) {
        Fingerprint pieces;
        for (std::size_t at = 0; at < text.size(); at += piece) pieces.add(bytes_of(std::string_view(text).substr(at, piece)));
        EXPECT_EQ(pieces.hex(), expected) << piece;
        ++compared;
    }
    EXPECT_EQ(compared, 6);
}

TEST(Fingerprint, TextsKeepTheirBorders) {
    EXPECT_NE(Fingerprint().add("ab").add("c").hex(), Fingerprint().add("a").add("bc").hex());
    EXPECT_NE(Fingerprint().add("").hex(), Fingerprint().hex());
    const char expected[] = "\x02\0\0\0\0\0\0\0ab";
    EXPECT_EQ(Fingerprint().add("ab").hex(), Fingerprint().add(bytes_of({expected, 10})).hex());
}

TEST(Fingerprint, SeesEveryBitAndGoesOnAfterHex) {
    std::vector<float> values{1, 2, 3};
    Fingerprint first;
    first.add_values(std::span<const float>(values));
    const auto before = first.hex();
    EXPECT_EQ(before, Fingerprint().add(std::as_bytes(std::span(values))).hex());
    EXPECT_EQ(first.hex(), before);
    EXPECT_NE(first.add("more").hex(), before);
    values[1] = 2.0000002F;
    EXPECT_NE(Fingerprint().add_values(std::span<const float>(values)).hex(), before);
}

// The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
TEST(Crc32, CheckValue) {
    EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926U);
    EXPECT_EQ(crc32({}), 0U);
}

}  // namespace
}  // namespace orograph
