#include "orograph/core/cores.hpp"

#include "fresh_folder.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace orograph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Restores the mask that the test has changed.
class Cores : public testing::Test {
protected:
    Cores() { sched_getaffinity(0, sizeof before_, &before_); }
    ~Cores() override { sched_setaffinity(0, sizeof before_, &before_); }

    cpu_set_t before_;
};

TEST_F(Cores, FollowTheAffinityMaskAndReachBeyond) {
    const auto all = own_cores();
    ASSERT_EQ(static_cast<int>(all.size()), CPU_COUNT(&before_));
    const auto reach = cores_in_reach();
    EXPECT_TRUE(std::ranges::includes(reach, all));
    EXPECT_EQ(own_cores(), all) << "asking changes nothing";
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(all.back(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_THAT(own_cores(), ElementsAre(all.back()));
    EXPECT_EQ(cores_in_reach(), reach);
    EXPECT_THAT(own_cores(), ElementsAre(all.back()));
    EXPECT_GE(online_cores(), static_cast<int>(reach.size()));
}

TEST_F(Cores, SiblingsAreTheKernels) {
    const auto all = own_cores();
    const auto with = with_siblings(all);
    EXPECT_TRUE(std::ranges::includes(with, all));
    EXPECT_EQ(with_siblings(with), with);
    EXPECT_THAT(with_siblings(std::vector<int>{8000}), ElementsAre(8000)) << "a core that is not there has none";
}

TEST(CoreList, IsWrittenAndReadAsLinuxDoes) {
    EXPECT_EQ(core_list(std::vector<int>{}), "");
    EXPECT_EQ(core_list(std::vector<int>{5}), "5");
    EXPECT_EQ(core_list(std::vector<int>{0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
    EXPECT_THAT(parse_core_list("0-3,8,10-11\n"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
    EXPECT_THAT(parse_core_list("5"), ElementsAre(5));
    EXPECT_THAT(parse_core_list(""), IsEmpty());
    EXPECT_THAT(parse_core_list("none"), IsEmpty());
    EXPECT_THAT(parse_core_list("3-1"), IsEmpty());
}

// The kernel's list of flags is the oracle.
TEST_F(Cores, InstructionSetIsTheWidestInCpuinfo) {
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

TEST_F(Cores, TunedMallocKeepsBuffersInTheHeap) {
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
