#include "orograph/core/cores.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <memory>
#include <thread>

namespace orograph {
namespace {

struct CpuSetDeleter {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// Cores in the affinity mask, or 0 where the kernel's mask has more than `capacity` bits.
int count_affinity(int capacity) {
    const std::unique_ptr<cpu_set_t, CpuSetDeleter> set(CPU_ALLOC(capacity));
    const auto bytes = CPU_ALLOC_SIZE(capacity);
    if (!set || sched_getaffinity(0, bytes, set.get()) != 0) return 0;
    return CPU_COUNT_S(bytes, set.get());
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

int available_cores() {
    constexpr int most_cores_of_linux = 8192;
    for (int capacity = 1024; capacity <= most_cores_of_linux; capacity *= 2) {
        if (const int cores = count_affinity(capacity); cores > 0) return cores;
    }
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
