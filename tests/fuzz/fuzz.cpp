#include "fuzz.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* start);
#define OROGRAPH_COUNTS_MEMORY 1
#endif
#endif
#ifndef OROGRAPH_COUNTS_MEMORY
#define OROGRAPH_COUNTS_MEMORY 0
#endif

namespace orograph::fuzz {
namespace {

constexpr std::size_t most_at_a_time = 64;  // of a reader's largest allocations may live together
std::atomic<std::size_t> most_allowed{SIZE_MAX};
std::atomic<std::int64_t> living{0};  // bytes, since the reader began

#if OROGRAPH_COUNTS_MEMORY
// Aborts in the allocation itself, so that the report shows who asked.
void on_malloc(const volatile void*, std::size_t bytes) {
    const std::size_t most = most_allowed;
    if (most == SIZE_MAX) return;
    living += static_cast<std::int64_t>(bytes);
    if (bytes <= most && living <= static_cast<std::int64_t>(most_at_a_time * most)) return;
    most_allowed = SIZE_MAX;
    std::fprintf(stderr, "a reader asked for %zu bytes, and has %zd, more than its input justifies\n", bytes, static_cast<ssize_t>(living));
    std::abort();
}

void on_free(const volatile void* start) {
    if (most_allowed != SIZE_MAX && start != nullptr) living -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(start));
}
#endif

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "orograph-fuzz-XXXXXX").string();
        must(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
        path = name;
#if OROGRAPH_COUNTS_MEMORY
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif
        log::configure(log::Level::off, 0);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
};

void check(const Error& error) {
    const std::string message = error.what();
    const bool of_input = error.code() == ExitCode::data || error.code() == ExitCode::no_input || error.code() == ExitCode::config ||
                          error.code() == ExitCode::unavailable;
    must(of_input, "a bad input has the exit code of one");
    must(!message.empty() && message.find('\n') == std::string::npos, "a message is one line");
}

}  // namespace

const std::filesystem::path& folder() {
    static const Folder made;
    return made.path;
}

std::filesystem::path put(const std::string& name, Bytes content) {
    const auto path = folder() / name;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    out.close();
    must(out.good(), "the input can be written as a file");
    return path;
}

void attempt(std::size_t size, Allowance allowance, const std::function<void()>& reader) {
    living = 0;
    most_allowed = allowance.fixed + allowance.factor * size;
    try {
        reader();
    } catch (const Error& error) {
        most_allowed = SIZE_MAX;
        check(error);
    }
    most_allowed = SIZE_MAX;
}

void must(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "a promise is broken: %s\n", promise);
    std::abort();
}

}  // namespace orograph::fuzz
