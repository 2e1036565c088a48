#include "orograph/core/pickle.hpp"

#include "orograph/core/fault.hpp"

#include <gtest/gtest.h>

#include <string>

namespace orograph::pickle {
namespace {

using namespace std::string_literals;

Tree read_text(const std::string& pickled) {
    return read(std::as_bytes(std::span(pickled)));
}

// The text that a pickle of one text holds.
std::string text_in(const std::string& pickled) {
    return std::string(std::get<std::string_view>(read_text(pickled).root));
}

TEST(Pickle, TextsOfProtocol0AreUnescaped) {
    EXPECT_EQ(text_in("S'a\\'b\\x41\\n\\\\'\n."), "a'bA\n\\");
    EXPECT_EQ(text_in("S\"it's\"\n."), "it's");
    EXPECT_EQ(text_in("Va\\u0041\xe4\\U0001f600\\n\n."), "aA\xc3\xa4\xf0\x9f\x98\x80\\n");  // raw-unicode-escape knows \u and \U alone
}

TEST(Pickle, NumbersOfAllSizes) {
    EXPECT_EQ(std::get<std::int64_t>(read_text("I-12\n.").root), -12);
    EXPECT_EQ(std::get<std::int64_t>(read_text("L12L\n.").root), 12);
    EXPECT_EQ(std::get<std::int64_t>(read_text("\x8a\x02\x00\xff."s).root), -256);
    EXPECT_TRUE(std::holds_alternative<Other>(read_text("\x8a\x09" + std::string(9, '\x7f') + ".").root));
    EXPECT_TRUE(std::holds_alternative<True>(read_text("I01\n.").root));
    EXPECT_TRUE(std::holds_alternative<Other>(read_text("L123456789012345678901234567890L\n.").root));
}

TEST(Pickle, ACallIsNoted) {
    const std::string pickled = "cos\nsystem\n(S'ls'\ntRS'state'\nb.";  // which the tree has views into
    const Tree tree = read_text(pickled);
    ASSERT_NE(tree.maker_of(tree.root), nullptr);
    EXPECT_EQ(tree.maker_of(tree.root)->module, "os");
    const auto* arguments = tree.arguments_of(tree.root, "os", "system");
    ASSERT_NE(arguments, nullptr);
    EXPECT_EQ(std::get<std::string_view>(arguments->at(0)), "ls");
    EXPECT_EQ(std::get<std::string_view>(tree.objects[0].state), "state");
    EXPECT_EQ(tree.arguments_of(tree.root, "os", "popen"), nullptr);
    EXPECT_FALSE(tree.is_dict(tree.root));
}

TEST(Pickle, DictsOfAllKindsHaveEntries) {
    for (const std::string dict :
         {"(I1\nI2\nd", "}I1\nI2\ns", "}(I1\nI2\nu", "cmine\nDict\n)\x81I1\nI2\ns", "ccollections\nOrderedDict\n(((I1\nI2\ntltR"}) {
        const std::string pickled = dict + ".";
        const Tree tree = read_text(pickled);
        ASSERT_TRUE(tree.is_dict(tree.root)) << dict;
        const auto entries = tree.entries_of(tree.root);
        ASSERT_EQ(entries.size(), 2U) << dict;
        EXPECT_EQ(std::get<std::int64_t>(entries[1]), 2);
    }
}

TEST(Pickle, ItEndsWhereItSays) {
    EXPECT_EQ(read_text("N.more").bytes, 2U);
    EXPECT_EQ(std::get<std::int64_t>(read_text("I7\np0\n0g0\n.").root), 7);
    for (const std::string broken : {"", "N", "0.", "NN.", "I\n.", "Sx\n.", "g0\n.", "Np9\n.", "(a.", "}(Ndu.", "\x80\x06N."})
        EXPECT_THROW(read_text(broken), Fault) << broken;
}

}  // namespace
}  // namespace orograph::pickle
