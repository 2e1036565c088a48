#include "orograph/par/communicator.hpp"

#include "orograph/core/error.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace orograph::par {
namespace {

// The communicators that every collective is tried on: null, world, a copy, and a split with uneven parts.
std::vector<Communicator> communicators() {
    const auto world = Communicator::world();
    return {Communicator(), world, world.duplicate(), world.split(world.rank() == 0 ? 0 : 1, world.rank())};
}

std::optional<Error> thrown_by(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

TEST(Communicator, NullIsSerial) {
    const Communicator null;
    EXPECT_TRUE(null.is_null());
    EXPECT_EQ(null.rank(), 0);
    EXPECT_EQ(null.size(), 1);
    EXPECT_TRUE(null.split(1, 1).is_null());
    EXPECT_TRUE(null.split_node().is_null());
    EXPECT_TRUE(null.duplicate().is_null());
}

TEST(Communicator, WorldNumbersItsRanks) {
    const auto world = Communicator::world();
    EXPECT_FALSE(world.is_null());
    EXPECT_EQ(all_sum(world, 1), world.size());
    EXPECT_EQ(all_sum(world, world.rank()), world.size() * (world.size() - 1) / 2);
    const Communicator copy = world;
    EXPECT_EQ(copy.rank(), world.rank());
}

// Even and odd ranks, in reverse order.
TEST(Communicator, SplitGroupsByColorAndOrdersByKey) {
    const auto world = Communicator::world();
    const auto part = world.split(world.rank() % 2, -world.rank());
    std::vector<std::string> expected;
    for (int rank = world.size() - 1; rank >= 0; --rank) {
        if (rank % 2 == world.rank() % 2) expected.push_back(std::to_string(rank));
    }
    EXPECT_EQ(part.size(), static_cast<int>(expected.size()));
    EXPECT_EQ(all_gather(part, std::to_string(world.rank())), expected);
}

TEST(Communicator, SplitNodeHoldsTheRanksOfThisMachine) {
    const auto world = Communicator::world();
    const auto node = world.split_node();
    EXPECT_EQ(node.size(), world.size());
    EXPECT_EQ(node.rank(), world.rank());
}

TEST(Communicator, PartsAreFreedAgain) {
    const auto world = Communicator::world();
    constexpr int more_than_open_mpi_has = 70000;
    const int rounds = world.size() == 1 ? more_than_open_mpi_has : 100;
    for (int i = 0; i < rounds; ++i) ASSERT_EQ(world.duplicate().size(), world.size());
}

// Nanoseconds of the machine's clock, the same for all its processes.
std::int64_t now() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
}

TEST(Barrier, NobodyLeavesBeforeTheLastComes) {
    int compared = 0;
    for (const auto& comm : communicators()) {
        for (int late = 0; late < comm.size(); ++late) {
            if (comm.rank() == late) std::this_thread::sleep_for(std::chrono::milliseconds(20));
            const auto came = now();
            barrier(comm);
            const auto left = now();
            EXPECT_GE(left, all_max(comm, came));
            ++compared;
        }
    }
    EXPECT_GE(compared, 4);
}

TEST(Broadcast, EveryRootGivesItsBytes) {
    int compared = 0;
    for (const auto& comm : communicators()) {
        for (int root = 0; root < comm.size(); ++root) {
            std::vector<std::byte> bytes(100003, std::byte(comm.rank()));
            broadcast(comm, bytes, root);
            EXPECT_EQ(bytes, std::vector<std::byte>(100003, std::byte(root)));
            ++compared;
        }
        broadcast(comm, std::span<std::byte>(), 0);
    }
    EXPECT_GE(compared, 4);
}

TEST(Broadcast, TextsBringTheirSize) {
    for (const auto& comm : communicators()) {
        for (int root = 0; root < comm.size(); ++root) {
            const std::string expected = "from \0 rank " + std::to_string(root) + std::string(root * 1000, 'x');
            std::string text = comm.rank() == root ? expected : std::string(7777, '?');
            broadcast(comm, text, root);
            EXPECT_EQ(text, expected);
        }
    }
}

// Beyond the 256 MiB of one piece; at 2 ranks only, for the sake of memory.
TEST(Broadcast, LargeBuffersTravelInPieces) {
    const auto world = Communicator::world();
    if (world.size() != 2) GTEST_SKIP() << "needs 2 ranks";
    constexpr std::size_t words = ((std::size_t{1} << 28) + 4096) / sizeof(std::uint64_t);
    std::vector<std::uint64_t> values(words);
    if (world.rank() == 1) std::iota(values.begin(), values.end(), std::uint64_t{5});
    broadcast(world, std::as_writable_bytes(std::span(values)), 1);
    std::size_t right = 0;
    for (std::size_t i = 0; i < words; ++i) right += values[i] == i + 5;
    EXPECT_EQ(right, words);
}

TEST(Reductions, LargestSmallestSum) {
    for (const auto& comm : communicators()) {
        const std::int64_t last = comm.size() - 1;
        constexpr std::int64_t large = std::int64_t{1} << 60;
        EXPECT_EQ(all_max(comm, comm.rank() - large), last - large);
        EXPECT_EQ(all_min(comm, large - comm.rank()), large - last);
        EXPECT_EQ(all_sum(comm, (comm.rank() + 1) * (std::int64_t{1} << 40)), (last + 1) * (last + 2) / 2 * (std::int64_t{1} << 40));
    }
}

TEST(AllGather, KeepsRanksAndSizesApart) {
    for (const auto& comm : communicators()) {
        const auto text_of = [](int rank) {
            return rank == 1 ? std::string() : std::string(rank * 50000 + 1, static_cast<char>('a' + rank));
        };
        const auto texts = all_gather(comm, text_of(comm.rank()));
        ASSERT_EQ(static_cast<int>(texts.size()), comm.size());
        for (int rank = 0; rank < comm.size(); ++rank) EXPECT_EQ(texts[rank], text_of(rank));
        EXPECT_EQ(all_gather(comm, ""), std::vector<std::string>(comm.size()));
    }
}

// More than the 128 MiB that each of 2 ranks sends in one round.
TEST(AllGather, LargeTextsTravelInRounds) {
    const auto world = Communicator::world();
    if (world.size() != 2) GTEST_SKIP() << "needs 2 ranks";
    std::string text = world.rank() == 0 ? std::string(1000, 'a') : std::string((std::size_t{1} << 27) + 4096, 'b');
    text.back() = 'z';
    const auto texts = all_gather(world, text);
    EXPECT_EQ(texts[0], std::string(999, 'a') + 'z');
    EXPECT_TRUE(texts[1] == std::string((std::size_t{1} << 27) + 4095, 'b') + 'z');
}

TEST(Agree, IsQuietWhereNobodyThrows) {
    for (const auto& comm : communicators()) {
        int calls = 0;
        agree(comm, [&] { ++calls; });
        EXPECT_EQ(calls, 1);
    }
}

TEST(Agree, OneRanksErrorIsEverybodys) {
    int compared = 0;
    for (const auto& comm : communicators()) {
        for (int failing = 0; failing < comm.size(); ++failing) {
            const auto message = cat("no file on rank ", failing, std::string(failing * 100, '.'));
            const auto error =
                thrown_by([&] { agree(comm, [&] { OROGRAPH_VALIDATE(comm.rank() != failing, ExitCode::no_input, message); }); });
            ASSERT_TRUE(error);
            EXPECT_EQ(error->code(), ExitCode::no_input);
            EXPECT_EQ(error->what(), message);
            ++compared;
        }
    }
    EXPECT_GE(compared, 4);
}

TEST(Agree, TheLowestFailingRankSpeaks) {
    const auto world = Communicator::world();
    const int first = world.size() / 2;
    const auto error = thrown_by([&] {
        agree(world, [&] { OROGRAPH_VALIDATE(world.rank() < first, static_cast<ExitCode>(64 + world.rank()), "rank ", world.rank()); });
    });
    ASSERT_TRUE(error);
    EXPECT_EQ(static_cast<int>(error->code()), 64 + first);
    EXPECT_EQ(error->what(), cat("rank ", first));
}

TEST(Agree, OtherExceptionsBecomeErrors) {
    for (const auto& comm : communicators()) {
        const bool last = comm.rank() == comm.size() - 1;
        const auto defect = thrown_by([&] {
            agree(comm, [&] {
                if (last) throw std::logic_error("a defect");
            });
        });
        ASSERT_TRUE(defect);
        EXPECT_EQ(defect->code(), ExitCode::internal);
        EXPECT_STREQ(defect->what(), "a defect");
        const auto memory = thrown_by([&] {
            agree(comm, [&] {
                if (last) throw std::bad_alloc();
            });
        });
        ASSERT_TRUE(memory);
        EXPECT_EQ(memory->code(), ExitCode::unavailable);
    }
}

TEST(OnRoot, RunsOnceAndSharesItsError) {
    for (const auto& comm : communicators()) {
        int calls = 0;
        on_root(comm, [&] { ++calls; });
        EXPECT_EQ(calls, comm.rank() == 0 ? 1 : 0);
        const auto error = thrown_by([&] { on_root(comm, [] { throw Error(ExitCode::cannot_create, "read-only folder"); }); });
        ASSERT_TRUE(error);
        EXPECT_EQ(error->code(), ExitCode::cannot_create);
        EXPECT_STREQ(error->what(), "read-only folder");
    }
}

// Numbers whose sum depends on the order of additions, as many as leave an uneven last part.
TEST(Collectives, SumsFloatsInTheOrderOfRanks) {
    for (const auto& comm : communicators()) {
        for (const int count : {0, 1, 2, 7, 1001}) {
            const auto value = [](int rank, int i) { return std::pow(-3.0F, static_cast<float>((rank * 7 + i * 5) % 19)) + 0.1F; };
            std::vector<float> values, expected(static_cast<std::size_t>(count), 0.0F);
            for (int i = 0; i < count; ++i) values.push_back(value(comm.rank(), i));
            for (int rank = 0; rank < comm.size(); ++rank)
                for (int i = 0; i < count; ++i) expected[static_cast<std::size_t>(i)] += value(rank, i);
            all_sum(comm, values);
            EXPECT_EQ(values, expected) << count;
        }
    }
}

}  // namespace
}  // namespace orograph::par
