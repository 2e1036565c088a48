#include "orograph/core/files.hpp"

#include "fresh_folder.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <zlib.h>

#include <array>
#include <csignal>
#include <cstring>

namespace orograph {
namespace {

namespace fs = std::filesystem;
using testing_support::contents;
using testing_support::error_message;
using testing_support::FreshFolder;
using testing_support::put;

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Python's gzip.compress(b'orograph ' * 5, mtime=0): 45 bytes.
constexpr std::array<unsigned char, 32> orographs_gz{0x1f, 0x8b, 0x8,  0x0,  0x0,  0x0,  0x0,  0x0,  0x2,  0x3,  0xcb,
                                                     0x2f, 0xca, 0x4f, 0x2f, 0x4a, 0x2c, 0xc8, 0x50, 0xc8, 0x27, 0x82,
                                                     0x1,  0x0,  0x44, 0xe0, 0x2b, 0xc4, 0x2d, 0x0,  0x0,  0x0};
constexpr std::string_view orographs = "orograph orograph orograph orograph orograph ";

std::string gzip_bytes() {
    return {reinterpret_cast<const char*>(orographs_gz.data()), orographs_gz.size()};
}

TEST(ReadFile, ReturnsEveryByte) {
    const FreshFolder folder;
    const std::string text("a\0b\n\xff", 5);
    put(folder / "some file", text);
    EXPECT_EQ(text_of(read_file(folder / "some file", 5, "weights")), text);
    put(folder / "empty", "");
    EXPECT_EQ(read_file(folder / "empty", 0, "weights").size(), 0U);
}

TEST(ReadFile, RefusesWhatIsNoReadableFile) {
    const FreshFolder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    put(folder / "file", "text");
    int compared = 0;
    for (const fs::path& path : {folder / "missing", folder.path(), folder / "pipe", fs::path("/dev/zero"), folder / "file" / "below"}) {
        const auto message = error_message(ExitCode::no_input, [&] { read_file(path, 100, "weights"); });
        EXPECT_NE(message.find("weights"), std::string::npos) << message;
        EXPECT_NE(message.find(path.string()), std::string::npos) << message;
        ++compared;
    }
    EXPECT_EQ(compared, 5);
}

TEST(ReadFile, RefusesLargeFilesBeforeReading) {
    const FreshFolder folder;
    put(folder / "sparse", "x");
    fs::resize_file(folder / "sparse", std::uintmax_t{1} << 40);
    const auto message = error_message(ExitCode::data, [&] { read_file(folder / "sparse", 1 << 20, "configuration"); });
    EXPECT_NE(message.find("1099511627776"), std::string::npos) << message;
    put(folder / "six", "123456");
    error_message(ExitCode::data, [&] { read_file(folder / "six", 5, "configuration"); });
}

TEST(ReadGzip, DecompressesAndReadsPlainFiles) {
    const FreshFolder folder;
    put(folder / "a.gz", gzip_bytes());
    put(folder / "plain", std::string(orographs));
    EXPECT_EQ(text_of(read_gzip(folder / "a.gz", 45, "images")), orographs);
    EXPECT_EQ(text_of(read_gzip(folder / "plain", 45, "images")), orographs);
}

TEST(ReadGzip, RefusesOtherSizes) {
    const FreshFolder folder;
    put(folder / "a.gz", gzip_bytes());
    put(folder / "plain", std::string(orographs));
    put(folder / "empty", "");
    for (const char* name : {"a.gz", "plain"}) {
        for (const std::uint64_t expected : {0, 44, 46}) {
            error_message(ExitCode::data, [&] { read_gzip(folder / name, expected, "images"); });
        }
    }
    const auto message = error_message(ExitCode::data, [&] { read_gzip(folder / "a.gz", 100, "images"); });
    EXPECT_NE(message.find("holds 45 bytes where 100 are expected"), std::string::npos) << message;
    error_message(ExitCode::data, [&] { read_gzip(folder / "empty", 1, "images"); });
    const auto lie = error_message(ExitCode::data, [&] { read_gzip(folder / "a.gz", std::uint64_t{1} << 60, "images"); });
    EXPECT_NE(lie.find("too few"), std::string::npos) << lie;  // and no exabyte is asked for
    error_message(ExitCode::no_input, [&] { read_gzip(folder / "missing", 1, "images"); });
    error_message(ExitCode::no_input, [&] { read_gzip(folder.path(), 1, "images"); });
}

TEST(ReadGzip, RefusesEveryTruncation) {
    const FreshFolder folder;
    const auto whole = gzip_bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(folder / "cut.gz", whole.substr(0, size));
        error_message(ExitCode::data, [&] { read_gzip(folder / "cut.gz", 45, "images"); });
    }
}

// A flipped bit is found, or it was one of those that fill up the last byte of the compressed data and mean nothing.
TEST(ReadGzip, FindsDamagedData) {
    const FreshFolder folder;
    constexpr std::size_t header = 10;
    int found = 0;
    for (std::size_t bit = 8 * header; bit < 8 * orographs_gz.size(); ++bit) {
        auto damaged = gzip_bytes();
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        put(folder / "damaged.gz", damaged);
        try {
            EXPECT_EQ(text_of(read_gzip(folder / "damaged.gz", 45, "images")), orographs) << "bit " << bit;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ExitCode::data) << error.what();
            ++found;
        }
    }
    const int bits = 8 * static_cast<int>(orographs_gz.size() - header);
    EXPECT_GE(found, bits - 7);
}

// 256 MiB of zeros in a small file: unpacked as a whole they would show in the peak memory.
TEST(ReadGzip, NeverUnpacksMoreThanExpected) {
    const FreshFolder folder;
    gzFile bomb = gzopen((folder / "bomb.gz").c_str(), "wb1");
    const std::vector<char> zeros(1 << 20);
    for (int i = 0; i < 256; ++i) ASSERT_GT(gzwrite(bomb, zeros.data(), static_cast<unsigned>(zeros.size())), 0);
    ASSERT_EQ(gzclose(bomb), Z_OK);
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    error_message(ExitCode::data, [&] { read_gzip(folder / "bomb.gz", 1000, "images"); });
    getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10);  // KiB
}

TEST(WriteFile, CreatesFoldersAndReplacesFiles) {
    const FreshFolder folder;
    const auto path = folder / "a" / "b" / "file";
    write_file_atomically(path, std::string_view("first, longer"));
    EXPECT_EQ(contents(path), "first, longer");
    write_file_atomically(path, std::string_view("second"));
    EXPECT_EQ(contents(path), "second");
    const std::array<std::byte, 2> bytes{std::byte{0}, std::byte{255}};
    write_file_atomically(path, bytes);
    EXPECT_EQ(contents(path), std::string("\0\xff", 2));
    EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), {}), 1);
}

TEST(WriteFile, WritesIntoTheCurrentFolder) {
    const FreshFolder folder;
    const auto before = fs::current_path();
    fs::current_path(folder.path());
    write_file_atomically("name only", std::string_view("text"));
    fs::current_path(before);
    EXPECT_EQ(contents(folder / "name only"), "text");
}

TEST(WriteFile, RefusesPlacesThatCannotHoldIt) {
    const FreshFolder folder;
    put(folder / "file", "text");
    fs::create_directory(folder / "folder");
    int compared = 0;
    for (const fs::path& path :
         {folder / "file" / "below", folder / "folder", fs::path("/proc/orograph.h5"), folder / std::string(300, 'x')}) {
        const auto message = error_message(ExitCode::cannot_create, [&] { write_file_atomically(path, std::string_view("new")); });
        EXPECT_NE(message.find("cannot create"), std::string::npos) << message;
        ++compared;
    }
    EXPECT_EQ(compared, 4);
    EXPECT_EQ(contents(folder / "file"), "text");
    EXPECT_EQ(folder.entries(), 2);
}

// Writing stops where it does on a full disk: after some bytes. The limit stands for it, because it needs no rights.
TEST(WriteFile, LeavesNothingBehindWhereTheDiskIsFull) {
    const FreshFolder folder;
    put(folder / "file", "old");
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{4096, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto message = error_message(ExitCode::io, [&] { write_file_atomically(folder / "file", std::string(10000, 'x')); });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_NE(message.find(std::strerror(EFBIG)), std::string::npos) << message;
    EXPECT_EQ(contents(folder / "file"), "old");
    EXPECT_EQ(folder.entries(), 1);
}

TEST(SyncPath, TakesFilesAndFolders) {
    const FreshFolder folder;
    put(folder / "file", "text");
    sync_path(folder / "file");
    sync_path(folder.path());
    error_message(ExitCode::io, [&] { sync_path(folder / "missing"); });
}

// Others write to the disk meanwhile.
TEST(FreeBytes, AreThoseOfTheNearestFolder) {
    const FreshFolder folder;
    struct statvfs disk {};
    ASSERT_EQ(::statvfs(folder.path().c_str(), &disk), 0);
    const double expected = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    ASSERT_GT(expected, 0);
    for (const fs::path& path : {folder / "file", folder / "a" / "b" / "file"}) {
        const auto free = free_bytes(path);
        ASSERT_TRUE(free) << path;
        EXPECT_NEAR(*free, expected, 0.1 * expected + 1e9) << path;
    }
    EXPECT_TRUE(free_bytes("name only"));
    EXPECT_FALSE(free_bytes("/proc/file"));  // of which statvfs says that it has no blocks at all
}

TEST(CreateParentFolders, NamesTheFolderThatCannotBe) {
    const FreshFolder folder;
    create_parent_folders(folder / "a" / "b" / "c");
    EXPECT_TRUE(fs::is_directory(folder / "a" / "b"));
    EXPECT_FALSE(fs::exists(folder / "a" / "b" / "c"));
    create_parent_folders("name only");
    put(folder / "file", "text");
    const auto message = error_message(ExitCode::cannot_create, [&] { create_parent_folders(folder / "file" / "b" / "c"); });
    EXPECT_NE(message.find("Not a directory"), std::string::npos) << message;
}

}  // namespace
}  // namespace orograph
