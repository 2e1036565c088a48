#include "orograph/core/cores.hpp"

#include "fresh_folder.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <string>
#include <thread>
#include <vector>

namespace orograph {
namespace {

TEST(Cores, FollowTheAffinityMask) {
    cpu_set_t before;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_EQ(available_cores(), CPU_COUNT(&before));
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(available_cores(), 1);
    ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

// The kernel's list of flags is the oracle.
TEST(Cores, InstructionSetIsTheWidestInCpuinfo) {
    const auto info = testing_support::contents("/proc/cpuinfo");
    const auto at = info.find("\nflags");
    utsname names{};
    uname(&names);
    std::string expected = names.machine;
    if (at != std::string::npos) {
        const auto flags = info.substr(at + 1, info.find('\n', at + 1) - at - 1) + " ";
        const auto has = [&](const std::string& flag) { return flags.find(" " + flag + " ") != std::string::npos; };
        if (has("sse4_1")) expected = "sse41";
        if (has("avx2")) expected = "avx2";
        if (has("avx512bw")) expected = "avx512";
        if (has("avx512_bf16")) expected = "avx512_bf16";
    }
    EXPECT_EQ(instruction_set(), expected);
}

// Page faults that touching `count` fresh buffers of 8 MiB one after another costs.
long faults_of_buffers(int count) {
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < count; ++i) {
        std::vector<char> buffer(std::size_t{8} << 20, static_cast<char>(i));
        if (buffer.back() != static_cast<char>(i)) ADD_FAILURE();
    }
    getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
}

TEST(Cores, TunedMallocKeepsBuffersInTheHeap) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer's malloc is another";
#endif
    tune_malloc();
    constexpr long pages_of_buffer = (8 << 20) / 4096;
    faults_of_buffers(1);
    EXPECT_LT(faults_of_buffers(50), pages_of_buffer);
    long in_thread = -1;
    std::thread([&] {
        faults_of_buffers(1);
        in_thread = faults_of_buffers(50);
    }).join();
    EXPECT_GE(in_thread, 0);
    EXPECT_LT(in_thread, pages_of_buffer);
}

}  // namespace
}  // namespace orograph
