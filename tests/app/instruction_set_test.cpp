#include "instruction_set.hpp"

#include "orograph/core/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orograph::app {
namespace {

using testing::HasSubstr;

std::vector<RankCpu> cpus(const std::vector<std::string>& sets) {
    std::vector<RankCpu> result;
    for (std::size_t rank = 0; rank < sets.size(); ++rank) result.push_back({cat("node", rank), sets[rank]});
    return result;
}

// What each rank computes with, "" for its widest.
std::vector<std::string> chosen(const std::string& asked, const std::vector<std::string>& sets) {
    const auto all = cpus(sets);
    std::vector<std::string> result;
    for (std::size_t rank = 0; rank < all.size(); ++rank) result.push_back(choose_instruction_set(asked, all, rank));
    return result;
}

// The error, which all ranks have to have.
std::string refusal(const std::string& asked, const std::vector<std::string>& sets) {
    const auto all = cpus(sets);
    std::vector<std::string> messages;
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        try {
            choose_instruction_set(asked, all, rank);
            ADD_FAILURE() << "rank " << rank << " goes on";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::unavailable);
            messages.emplace_back(error.what());
        }
    }
    EXPECT_THAT(messages, testing::Each(messages.at(0)));
    EXPECT_EQ(messages[0].find('\n'), std::string::npos);
    return messages[0];
}

using Words = std::vector<std::string>;

TEST(InstructionSet, LikeCpusUseTheirWidest) {
    for (const char* set : {"avx512_bf16", "avx512", "avx2", "sse41", "aarch64"})
        EXPECT_EQ(chosen("auto", {set, set, set}), Words(3)) << set;
}

TEST(InstructionSet, WiderCpusFollowRank0) {
    EXPECT_EQ(chosen("auto", {"avx2", "avx512", "avx2", "avx512_bf16"}), Words({"", "avx2", "", "avx2"}));
    EXPECT_EQ(chosen("auto", {"avx512", "avx512_bf16"}), Words({"", "avx512"}));
}

TEST(InstructionSet, TheOneAskedForHoldsOnAllRanks) {
    EXPECT_EQ(chosen("avx2", {"avx512_bf16", "avx2"}), Words({"avx2", "avx2"}));
    EXPECT_EQ(chosen("avx512", {"avx512_bf16", "avx512"}), Words({"avx512", "avx512"}));
}

TEST(InstructionSet, UnlikeCpusAreNamedWithBothSetsAndTheRemedy) {
    const auto message = refusal("auto", {"avx512_bf16", "avx512_bf16", "avx2"});
    for (const char* words : {"rank 2 on node2 has avx2", "rank 0 on node0 has avx512_bf16", "set evaluate.instruction_set: avx2"})
        EXPECT_THAT(message, HasSubstr(words));
    EXPECT_THAT(refusal("auto", {"avx512_bf16", "avx512"}), HasSubstr("set evaluate.instruction_set: avx512,"));
}

TEST(InstructionSet, WhereNothingIsCommonOnlyEqualMachinesHelp) {
    for (const Words& sets : {Words{"avx2", "aarch64"}, Words{"avx2", "sse41"}, Words{"sse41", "avx2"}}) {
        const auto message = refusal("auto", sets);
        EXPECT_THAT(message, HasSubstr("run on equal machines"));
        EXPECT_THAT(message, testing::Not(HasSubstr("set evaluate")));
    }
}

TEST(InstructionSet, ACpuWithoutTheOneAskedForIsNamed) {
    const auto message = refusal("avx512", {"avx512", "avx2", "avx512"});
    for (const char* words : {"rank 1 on node1 has avx2", "evaluate.instruction_set is avx512", "set evaluate.instruction_set: avx2"})
        EXPECT_THAT(message, HasSubstr(words));
    EXPECT_THAT(refusal("avx2", {"aarch64"}), HasSubstr("has aarch64"));
}

}  // namespace
}  // namespace orograph::app
