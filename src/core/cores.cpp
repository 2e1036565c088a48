#include "orograph/core/cores.hpp"

#include "orograph/core/text.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

namespace orograph {
namespace {

constexpr int most_cores_of_linux = 8192;

// An affinity mask with room for `capacity` cores, at first empty.
class Mask {
public:
    explicit Mask(int capacity) : capacity_(capacity), set_(CPU_ALLOC(capacity)) { CPU_ZERO_S(bytes(), set_.get()); }

    cpu_set_t* get() { return set_.get(); }
    std::size_t bytes() const { return CPU_ALLOC_SIZE(capacity_); }
    void fill() {
        for (int core = 0; core < capacity_; ++core) CPU_SET_S(core, bytes(), set_.get());
    }
    std::vector<int> cores() const {
        std::vector<int> result;
        for (int core = 0; core < capacity_; ++core)
            if (CPU_ISSET_S(core, bytes(), set_.get())) result.push_back(core);
        return result;
    }

private:
    struct Deleter {
        void operator()(cpu_set_t* set) const { CPU_FREE(set); }
    };
    int capacity_;
    std::unique_ptr<cpu_set_t, Deleter> set_;
};

// The cores that share a physical core with `core`, itself among them.
std::vector<int> siblings(int core) {
    std::ifstream file(cat("/sys/devices/system/cpu/cpu", core, "/topology/thread_siblings_list"));
    std::string text;
    std::getline(file, text);
    auto result = parse_core_list(text);
    return result.empty() ? std::vector<int>{core} : result;
}

// Name of the machine's architecture as the kernel gives it, "aarch64" for example.
const char* machine_name() {
    static const utsname names = [] {
        utsname result{};
        uname(&result);
        return result;
    }();
    return names.machine;
}

}  // namespace

std::vector<int> own_cores() {
    Mask mask(most_cores_of_linux);
    if (sched_getaffinity(0, mask.bytes(), mask.get()) == 0) return mask.cores();
    std::vector<int> all;
    for (int core = 0; core < online_cores(); ++core) all.push_back(core);
    return all;
}

// A thread of its own asks for every core and looks what it got: the kernel leaves out what the control group does not allow.
std::vector<int> cores_in_reach() {
    std::vector<int> result;
    std::thread([&] {
        Mask all(most_cores_of_linux);
        all.fill();
        sched_setaffinity(0, all.bytes(), all.get());
        result = own_cores();
    }).join();
    return result;
}

int online_cores() {
    return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::vector<int> with_siblings(std::span<const int> cores) {
    std::vector<int> result;
    for (const int core : cores) {
        const auto together = siblings(core);
        result.insert(result.end(), together.begin(), together.end());
    }
    std::ranges::sort(result);
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

std::string core_list(std::span<const int> cores) {
    std::string text;
    for (std::size_t first = 0, next = 0; first < cores.size(); first = next) {
        for (next = first + 1; next < cores.size() && cores[next] == cores[next - 1] + 1;) ++next;
        text += cat(text.empty() ? "" : ",", cores[first]);
        if (next - first > 1) text += cat("-", cores[next - 1]);
    }
    return text;
}

std::vector<int> parse_core_list(const std::string& text) {
    std::vector<int> cores;
    std::istringstream ranges(text);
    for (std::string range; std::getline(ranges, range, ',');) {
        std::istringstream words(range);
        int first = 0, last = 0;
        char dash = 0;
        if (!(words >> first)) return {};
        last = words >> dash >> last ? last : first;
        for (int core = first; core <= std::min(last, most_cores_of_linux); ++core) cores.push_back(core);
    }
    return cores;
}

const char* instruction_set() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq");
    if (avx512 && __builtin_cpu_supports("avx512bf16")) return "avx512_bf16";
    if (avx512) return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
    if (__builtin_cpu_supports("sse4.1")) return "sse41";
#endif
    return machine_name();
}

// One arena, because the others are mapped in pieces of 64 MiB and would give large buffers back to the kernel again. Threads that
// allocate small blocks are served from their own caches and do not meet at its lock.
void tune_malloc() {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 2047 << 20);
    mallopt(M_TOP_PAD, 256 << 20);
    mallopt(M_ARENA_MAX, 1);
}

}  // namespace orograph
