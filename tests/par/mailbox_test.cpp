#include "orograph/par/mailbox.hpp"

#include "orograph/core/text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace orograph::par {
namespace {

constexpr int rounds = 40;

// Sizes from 0 bytes to 2 MB that cross every protocol of an MPI library (eager, rendezvous) in mixed order.
std::size_t size_of(int round, int source) {
    constexpr std::size_t sizes[] = {0, 2000000, 1, 70000, 8, 4095, 300000, 4096};
    return sizes[(round + source) % 8];
}

std::vector<std::byte> bytes_of(int round, int source, int destination) {
    return std::vector<std::byte>(size_of(round, source), std::byte(round * 16 + source * 4 + destination));
}

// The next message; fails the test after a minute without one.
Message wait_for_message(Mailbox& mailbox) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < deadline) {
        if (auto message = mailbox.poll()) return std::move(*message);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    throw std::runtime_error("no message came");
}

void wait_until_sent(Mailbox& mailbox) {
    while (!mailbox.sent()) std::this_thread::sleep_for(std::chrono::microseconds(100));
}

// Everybody posts `rounds` messages to everybody, oneself included, before anybody reads.
void exchange(const Communicator& comm) {
    Mailbox mailbox(comm);
    for (int round = 0; round < rounds; ++round) {
        for (int destination = 0; destination < comm.size(); ++destination) {
            mailbox.post(destination, round, bytes_of(round, comm.rank(), destination));
        }
    }
    std::map<int, int> next_round;
    for (int count = 0; count < rounds * comm.size(); ++count) {
        const auto message = wait_for_message(mailbox);
        ASSERT_EQ(message.tag, next_round[message.source]++) << "out of order from rank " << message.source;
        ASSERT_EQ(message.bytes, bytes_of(message.tag, message.source, comm.rank()));
    }
    EXPECT_EQ(static_cast<int>(next_round.size()), comm.size());
    for (const auto& [source, count] : next_round) EXPECT_EQ(count, rounds);
    wait_until_sent(mailbox);
    barrier(comm);
    EXPECT_FALSE(mailbox.poll());
}

TEST(Mailbox, KeepsOrderAndContent) {
    exchange(Communicator::world());
}

TEST(Mailbox, WorksOnASplit) {
    const auto world = Communicator::world();
    exchange(world.split(world.rank() == 0 ? 0 : 1, world.rank()));
}

TEST(Mailbox, NullCommunicatorPostsToItself) {
    exchange(Communicator());
}

TEST(Mailbox, PostCopiesTheBytes) {
    Mailbox mailbox{Communicator()};
    std::vector<std::byte> bytes(3, std::byte{1});
    mailbox.post(0, 7, bytes);
    bytes.assign(3, std::byte{9});
    const auto message = mailbox.poll();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->source, 0);
    EXPECT_EQ(message->tag, 7);
    EXPECT_EQ(message->bytes, std::vector<std::byte>(3, std::byte{1}));
    EXPECT_FALSE(mailbox.poll());
    EXPECT_TRUE(mailbox.sent());
}

TEST(Mailbox, TwoMailboxesDoNotMix) {
    const auto world = Communicator::world();
    Mailbox first(world);
    Mailbox second(world);
    const int right = (world.rank() + 1) % world.size();
    const int left = (world.rank() + world.size() - 1) % world.size();
    first.post(right, 1, {});
    second.post(right, 2, {});
    const auto of_second = wait_for_message(second);
    const auto of_first = wait_for_message(first);
    EXPECT_EQ(of_second.tag, 2);
    EXPECT_EQ(of_first.tag, 1);
    EXPECT_EQ(of_first.source, left);
    wait_until_sent(first);
    wait_until_sent(second);
    barrier(world);
}

// A sign from one process to another without MPI, so that the one who waits makes no progress in MPI.
class Sign {
public:
    // Collective over comm.
    Sign(const Communicator& comm, std::string_view meaning) : comm_(comm) {
        std::string name = cat((std::filesystem::temp_directory_path() / "orograph-").string(), meaning, '-', ::getpid());
        broadcast(comm, name, 0);
        path_ = name;
    }
    ~Sign() {
        std::error_code ignored;
        if (comm_.rank() == 0) std::filesystem::remove(path_, ignored);
    }
    Sign(const Sign&) = delete;
    Sign& operator=(const Sign&) = delete;

    void give() { std::ofstream file(path_); }
    bool wait() const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (!std::filesystem::exists(path_) && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return std::filesystem::exists(path_);
    }

private:
    Communicator comm_;
    std::filesystem::path path_;
};

// Rank 1 announces a large message and is then busy until rank 0 gives a sign. Rank 0 gives it after it has read the small message that
// the last rank sent later, so that neither its polls may wait for rank 1 nor that message for the large one.
TEST(Mailbox, PollDoesNotWaitForABusySender) {
    const auto world = Communicator::world();
    if (world.size() < 3) GTEST_SKIP() << "needs 3 ranks";
    Mailbox mailbox(world);
    Sign announced(world, "announced");
    Sign read(world, "read");
    barrier(world);
    if (world.rank() == 1) {
        mailbox.post(0, 1, std::vector<std::byte>(8000000, std::byte{1}));
        announced.give();
        EXPECT_TRUE(read.wait());
    }
    if (world.rank() == world.size() - 1) {
        EXPECT_TRUE(announced.wait());
        mailbox.post(0, 2, {});
    }
    if (world.rank() == 0) {
        std::map<int, int> seen;
        for (int polls = 0; polls < 100 || seen[2] == 0; ++polls) {
            if (const auto message = mailbox.poll()) ++seen[message->tag];
        }
        read.give();
        if (seen[1] == 0) ++seen[wait_for_message(mailbox).tag];
        EXPECT_EQ(seen, (std::map<int, int>{{1, 1}, {2, 1}}));
    }
    wait_until_sent(mailbox);
    barrier(world);
}

// Neither waits nor crashes; MPI may still read the abandoned buffer.
TEST(Mailbox, CanBeDroppedWithMessagesUnderWay) {
    const auto world = Communicator::world();
    const auto still_up = world.duplicate();
    {
        Mailbox mailbox(still_up);
        if (world.rank() == 0 && world.size() > 1) mailbox.post(1, 0, std::vector<std::byte>(64));
        mailbox.post(mailbox.rank(), 0, std::vector<std::byte>(64));
    }
    barrier(world);
    EXPECT_EQ(all_sum(world, 1), world.size());
}

}  // namespace
}  // namespace orograph::par
