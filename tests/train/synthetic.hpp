#pragma once

#include "orograph/core/random.hpp"
#include "orograph/data/dataset.hpp"

#include <ftw.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace orograph::testing {

// Images of ten classes: a pattern of 8x8 patches for each class, and noise. Label k % 10.
inline data::Split make_split(const std::string& name, std::int64_t count, std::uint64_t seed, std::int64_t channels = 1) {
    data::Split split{name, at::empty({count, channels, 32, 32}), at::arange(count).remainder(10)};
    CounterRandom(seed, 0).fill_normal({split.images.data_ptr<float>(), static_cast<std::size_t>(split.images.numel())});
    at::Tensor patches = at::empty({10, channels, 4, 4});
    CounterRandom(99, 1).fill_normal({patches.data_ptr<float>(), static_cast<std::size_t>(patches.numel())});
    split.images.add_(patches.repeat_interleave(8, 2).repeat_interleave(8, 3).index_select(0, split.labels));
    return split;
}

inline data::Dataset make_dataset(std::int64_t train, std::int64_t test) {
    data::Dataset dataset;
    dataset.set = "synthetic";
    dataset.channels = 1;
    dataset.classes = 10;
    dataset.splits.push_back(make_split("train", train, 1));
    if (test > 0) dataset.splits.push_back(make_split("test", test, 2));
    return dataset;
}

// A fresh folder, removed with all that is in it.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "orograph-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
        path_ = name;
    }
    ~TemporaryFolder() { nftw(path_.c_str(), remove_entry, 16, FTW_DEPTH | FTW_PHYS); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    // std::filesystem::remove_all is taken from libtorch.so, which holds a broken one.
    static int remove_entry(const char* path, const struct stat*, int, FTW*) { return std::remove(path); }

    std::filesystem::path path_;
};

// Empty where the file is missing.
inline std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace orograph::testing
