#include "paged_image.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace orograph::h5 {

namespace {

constexpr std::int64_t word_bytes = 8;

bool repeats(std::span<const std::byte> page) {
    return std::memcmp(page.data(), page.data() + word_bytes, page.size() - word_bytes) == 0;
}

// Calls part(page number, place in that page, place in the run, bytes) for the pages of the run [first, first + bytes).
template <class Part>
void for_each_page(std::int64_t first, std::int64_t bytes, const Part& part) {
    for (std::int64_t done = 0; done < bytes;) {
        const auto place = (first + done) % PagedImage::page_bytes;
        const auto count = std::min(bytes - done, PagedImage::page_bytes - place);
        part((first + done) / PagedImage::page_bytes, place, static_cast<std::size_t>(done), static_cast<std::size_t>(count));
        done += count;
    }
}

}  // namespace

void PagedImage::write(std::int64_t first, std::span<const std::byte> bytes) {
    for_each_page(first, std::ssize(bytes), [&](auto page, auto place, auto done, auto count) {
        change(pages_[page], place, bytes.subspan(done, count));
    });
    size_ = std::max(size_, first + std::ssize(bytes));
}

void PagedImage::read(std::int64_t first, std::span<std::byte> bytes) const {
    const Page zeros;
    for_each_page(first, std::ssize(bytes), [&](auto page, auto place, auto done, auto count) {
        const auto found = pages_.find(page);
        copy(found == pages_.end() ? zeros : found->second, place, bytes.subspan(done, count));
    });
}

void PagedImage::for_each_part(std::int64_t bytes, const std::function<void(std::span<const std::byte>)>& part) const {
    std::vector<std::byte> buffer(page_bytes);
    for_each_page(0, bytes, [&](auto page, auto, auto, auto count) {
        const auto some = std::span(buffer).first(count);
        read(page * page_bytes, some);
        part(some);
    });
}

void PagedImage::copy(const Page& page, std::int64_t place, std::span<std::byte> to) {
    if (page.bytes) {
        std::memcpy(to.data(), page.bytes.get() + place, to.size());
        return;
    }
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = page.word[(static_cast<std::size_t>(place) + i) % word_bytes];
}

void PagedImage::change(Page& page, std::int64_t place, std::span<const std::byte> from) {
    if (!page.bytes) {
        auto bytes = std::make_unique_for_overwrite<std::byte[]>(page_bytes);
        copy(page, 0, {bytes.get(), page_bytes});
        page.bytes = std::move(bytes);
    }
    std::memcpy(page.bytes.get() + place, from.data(), from.size());
    if (!repeats({page.bytes.get(), page_bytes})) return;
    std::memcpy(page.word.data(), page.bytes.get(), word_bytes);
    page.bytes.reset();
}

}  // namespace orograph::h5
