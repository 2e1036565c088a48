#include "orograph/core/error.hpp"
#include "orograph/h5/file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

namespace orograph::h5 {
namespace {

class H5Test : public testing::Test {
protected:
    void SetUp() override {
        std::string name;
        if (world.rank() == 0) {
            std::string pattern = (std::filesystem::temp_directory_path() / "orograph-h5-XXXXXX").string();
            ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
            name = pattern;
        }
        par::broadcast(world, name, 0);
        folder = name;
        path = folder / "a.h5";
    }
    void TearDown() override {
        par::barrier(world);
        if (world.rank() == 0) std::filesystem::remove_all(folder);
    }

    // Collective.
    void create(const std::function<void(Group)>& fill) const {
        par::on_root(world, [&] { create_atomically(path, fill); });
    }

    par::Communicator world = par::Communicator::world();
    std::filesystem::path folder, path;
};

ExitCode code_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.code();
    }
    return ExitCode::done;
}

TEST_F(H5Test, EveryTypeIsReadBackExactly) {
    const std::vector<double> doubles{0.1, -0.0, std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::infinity()};
    const std::vector<float> floats{0.1F, 1e-45F};
    const std::vector<std::int64_t> longs{std::numeric_limits<std::int64_t>::min(), 7};
    const std::vector<std::uint32_t> words{0xffffffffU, 1};
    const std::vector<std::uint8_t> bytes{0, 255, 3};
    create([&](Group root) {
        root.create_dataset<double>("doubles", {2, 2}, 0.0).write<double>(doubles);
        root.create_dataset<float>("floats", {2}, 0.0F).write<float>(floats);
        root.create_dataset<std::int64_t>("longs", {2}, 0).write<std::int64_t>(longs);
        root.create_dataset<std::uint32_t>("words", {2, 1}, 0).write<std::uint32_t>(words);
        root.create_dataset<std::uint8_t>("bytes", {3}, 0).write<std::uint8_t>(bytes);
    });
    const auto file = File::open(path);
    const auto root = file.root();
    EXPECT_EQ(root.open_dataset("doubles", Type::float64).read<double>(), doubles);
    EXPECT_TRUE(std::signbit(root.open_dataset("doubles", Type::float64).read<double>()[1]));
    EXPECT_EQ(root.open_dataset("doubles", Type::float64).shape(), (std::vector<std::int64_t>{2, 2}));
    EXPECT_EQ(root.open_dataset("floats", Type::float32).read<float>(), floats);
    EXPECT_EQ(root.open_dataset("longs", Type::int64).read<std::int64_t>(), longs);
    EXPECT_EQ(root.open_dataset("words", Type::uint32).read<std::uint32_t>(), words);
    EXPECT_EQ(root.open_dataset("bytes", Type::uint8).read<std::uint8_t>(), bytes);
    EXPECT_EQ(code_of([&] { root.open_dataset("floats", Type::float64); }), ExitCode::data);
    EXPECT_EQ(root.names(), (std::vector<std::string>{"doubles", "floats", "longs", "words", "bytes"}));
}

TEST_F(H5Test, ArraysAreReadInRowsAndConverted) {
    const std::vector<std::int32_t> numbers{-3, 1, 4, 1, -5, 9, 2, 6};
    create([&](Group root) {
        auto group = root.create_group("numbers");
        group.create_dataset<std::int32_t>("table", {4, 2}, 0).write<std::int32_t>(numbers);
        group.create_dataset<float>("line", {3}, 0.5F);
        group.create_dataset<double>("nothing", {0, 7}, 0.0);
        group.create_dataset<double>("one", {}, 0.0);
        group.create_text("text", "words");
    });
    const auto group = File::open(path).root().open_group("numbers");
    const Array table = group.open_array("table");
    EXPECT_EQ(table.type(), "int32");
    EXPECT_EQ(table.shape(), (std::vector<std::int64_t>{4, 2}));
    EXPECT_EQ(table.chunk_rows(), 1);
    std::vector<std::int64_t> rows(4);
    table.read_rows(1, 2, std::span(rows));
    EXPECT_EQ(rows, (std::vector<std::int64_t>{4, 1, -5, 9}));
    std::vector<float> line(1);
    group.open_array("line").read_rows(2, 1, std::span(line));
    EXPECT_EQ(line[0], 0.5F);
    EXPECT_EQ(group.open_array("line").type(), "float32");
    EXPECT_EQ(group.open_array("nothing").shape(), (std::vector<std::int64_t>{0, 7}));
    EXPECT_EQ(code_of([&] { group.open_array("one"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { group.open_array("text"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { group.open_array("missing"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { File::open(path).root().open_array("numbers"); }), ExitCode::data);
}

TEST_F(H5Test, FillIsThereBeforeAnythingIsWritten) {
    create([](Group root) {
        root.create_dataset<double>("nan", {3, 2}, std::numeric_limits<double>::quiet_NaN());
        root.create_dataset<std::uint8_t>("seven", {5}, 7);
    });
    const auto file = File::open(path);
    int nans = 0;
    for (const double value : file.root().open_dataset("nan", Type::float64).read<double>()) nans += std::isnan(value);
    EXPECT_EQ(nans, 6);
    EXPECT_EQ(file.root().open_dataset("seven", Type::uint8).read<std::uint8_t>(), std::vector<std::uint8_t>(5, 7));
}

TEST_F(H5Test, StringsOfAnyLengthAreReadBack) {
    const std::string accents = "\xc3\xa9\xe2\x82\xac", longest(200000, 'q');
    create([&](Group root) {
        auto group = root.create_group("strings");
        group.set_text("accents", accents);
        group.set_text("none", "");
        group.create_text("long", longest);
        group.create_text("empty", "");
        group.set_number("number", -12);
    });
    const auto file = File::open(path);
    const auto group = file.root().open_group("strings");
    EXPECT_EQ(group.text("accents"), accents);
    EXPECT_EQ(group.texts(), (std::map<std::string, std::string>{{"accents", accents}, {"none", ""}}));
    EXPECT_EQ(group.read_text("long"), longest);
    EXPECT_EQ(group.read_text("empty"), "");
    EXPECT_EQ(group.number("number"), -12);
    EXPECT_EQ(code_of([&] { group.number("accents"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { group.text("missing"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { file.root().read_text("strings"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { file.root().open_group("missing"); }), ExitCode::data);
}

TEST_F(H5Test, AFailureWhileCreatingLeavesTheOldFile) {
    create([](Group root) { root.set_number("version", 1); });
    EXPECT_EQ(code_of([&] {
                  create([](Group root) {
                      root.set_number("version", 2);
                      throw Error(ExitCode::config, "no");
                  });
              }),
              ExitCode::config);
    EXPECT_FALSE(std::filesystem::exists(creation_path(path)));
    EXPECT_EQ(File::open(path).root().number("version"), 1);
    par::barrier(world);
    create([](Group root) { root.set_number("version", 3); });
    EXPECT_EQ(File::open(path).root().number("version"), 3);
}

TEST_F(H5Test, RanksWriteRunsOfOneFileIndependently) {
    constexpr std::int64_t rows = 11, columns = 4, size = rows * columns, length = 7;
    create([](Group root) { root.create_dataset<double>("values", {rows, columns}, -1.0); });
    auto file = File::open_shared(world, path);
    {
        auto dataset = file.root().open_dataset("values", Type::float64);
        // Uneven: every rank writes each of its runs of seven elements, which end in the middle of rows, but for rank 0's last.
        for (std::int64_t first = length * world.rank(); first < size; first += length * world.size()) {
            if (world.rank() == 0 && first + length * world.size() >= size) continue;
            std::vector<double> run;
            for (auto index = first; index < std::min(first + length, size); ++index) run.push_back(0.5 * static_cast<double>(index));
            dataset.write_run<double>(first, run);
        }
    }
    file.close();
    const auto closed = File::open(path);
    const auto dataset = closed.root().open_dataset("values", Type::float64);
    const auto values = dataset.read<double>();
    ASSERT_EQ(values.size(), static_cast<std::size_t>(size));
    for (std::int64_t index = 0; index < size; ++index) {
        const auto run = index / length;
        const bool skipped = run % world.size() == 0 && length * (run + world.size()) >= size;
        EXPECT_EQ(values[static_cast<std::size_t>(index)], skipped ? -1.0 : 0.5 * static_cast<double>(index)) << index;
    }
    std::vector<double> part(6);
    dataset.read_run<double>(22, part);
    EXPECT_TRUE(std::ranges::equal(part, std::span(values).subspan(22, 6)));
}

// One rank that unwinds alone must not wait for the others in a collective close.
TEST_F(H5Test, DestructionOfASharedFileIsNotCollective) {
    create([](Group root) { root.create_dataset<double>("values", {4}, 0.0); });
    {
        auto file = File::open_shared(world, path);
        auto dataset = file.root().open_dataset("values", Type::float64);
        if (world.rank() > 0) par::barrier(world);  // rank 0 is destroyed first
    }
    if (world.rank() == 0) par::barrier(world);
}

TEST_F(H5Test, WrongFilesAreToldApart) {
    EXPECT_EQ(code_of([&] { File::open(folder / "missing.h5"); }), ExitCode::no_input);
    EXPECT_EQ(code_of([&] { File::open(folder); }), ExitCode::no_input);
    EXPECT_EQ(code_of([&] { File::open("/dev/null"); }), ExitCode::no_input);
    EXPECT_EQ(code_of([&] { File::open("/proc/self/status"); }), ExitCode::data);
    EXPECT_EQ(code_of([&] { create_atomically("/proc/orograph/a.h5", [](Group) {}); }), ExitCode::cannot_create);
    EXPECT_EQ(code_of([&] { File::open_shared(world, folder / "missing.h5"); }), ExitCode::io);
}

}  // namespace
}  // namespace orograph::h5
