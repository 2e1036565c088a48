#include "paged_image.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

using orograph::h5::PagedImage;

namespace {

std::vector<std::byte> bytes_of(const PagedImage& image, std::int64_t first, std::int64_t count) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(count));
    image.read(first, bytes);
    return bytes;
}

}  // namespace

// The oracle is a plain array. Runs of a repeated word, in every phase, and of noise, over each other.
TEST(PagedImage, ReadsBackWhatWasWritten) {
    constexpr std::int64_t size = 5 * PagedImage::page_bytes + 123;
    std::mt19937 random(1);
    std::vector<std::byte> oracle(size);
    PagedImage image;
    int compared = 0;
    for (int trial = 0; trial < 300; ++trial) {
        const auto first = static_cast<std::int64_t>(random() % size);
        const auto count = static_cast<std::int64_t>(1 + random() % (trial % 3 == 0 ? size : 100));
        std::vector<std::byte> run(static_cast<std::size_t>(std::min(count, size - first)));
        const bool noise = trial % 4 == 1;
        for (std::size_t i = 0; i < run.size(); ++i) run[i] = noise ? std::byte(random()) : std::byte(trial + i % 8);
        image.write(first, run);
        std::copy(run.begin(), run.end(), oracle.begin() + first);
        ASSERT_EQ(bytes_of(image, 0, size), oracle) << trial;
        const auto from = static_cast<std::int64_t>(random() % size);
        const auto part = bytes_of(image, from, std::min<std::int64_t>(777, size - from));
        ASSERT_TRUE(std::equal(part.begin(), part.end(), oracle.begin() + from)) << trial;
        ++compared;
    }
    EXPECT_EQ(compared, 300);
    std::vector<std::byte> parts;
    image.for_each_part(size - 7, [&](std::span<const std::byte> part) { parts.insert(parts.end(), part.begin(), part.end()); });
    EXPECT_EQ(parts, std::vector<std::byte>(oracle.begin(), oracle.end() - 7));
}

TEST(PagedImage, WhatWasNotWrittenIsZero) {
    PagedImage image;
    const std::vector<std::byte> one{std::byte{9}};
    image.write(3 * PagedImage::page_bytes, one);
    EXPECT_EQ(image.size(), 3 * PagedImage::page_bytes + 1);
    EXPECT_EQ(bytes_of(image, 100, 50), std::vector<std::byte>(50));
    EXPECT_EQ(bytes_of(image, 3 * PagedImage::page_bytes, 2), (std::vector<std::byte>{std::byte{9}, std::byte{0}}));
}
