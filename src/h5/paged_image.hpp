#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>

namespace orograph::h5 {

// The bytes of a file, in pages. A page that repeats eight bytes all over costs just these, so that a file of fill values costs next to nothing
// whatever its size. What was never written is zero.
class PagedImage {
public:
    static constexpr std::int64_t page_bytes = 1 << 16;

    // One behind the last byte that was written.
    std::int64_t size() const { return size_; }

    void write(std::int64_t first, std::span<const std::byte> bytes);
    void read(std::int64_t first, std::span<std::byte> bytes) const;

    // Calls part(bytes) for the first `bytes` bytes from the start to the end.
    void for_each_part(std::int64_t bytes, const std::function<void(std::span<const std::byte>)>& part) const;

private:
    using Word = std::array<std::byte, 8>;
    struct Page {
        Word word{};                          // all over the page, where there are no
        std::unique_ptr<std::byte[]> bytes;
    };
    static void copy(const Page& page, std::int64_t place, std::span<std::byte> to);
    static void change(Page& page, std::int64_t place, std::span<const std::byte> from);

    std::map<std::int64_t, Page> pages_;  // by number
    std::int64_t size_ = 0;
};

}  // namespace orograph::h5
