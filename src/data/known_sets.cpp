#include "known_files.hpp"
#include "set_folder.hpp"

#include "orograph/core/error.hpp"

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

struct KnownSet {
    std::string name;
    int channels;
    int classes;
    Normalization normalization;
    fs::path usual_folder;  // empty: there is none
    std::string remedy;
    RawSplit (*read)(const SetFiles&, const std::string& split);
    SetLayout layout() const;
};

// Li et al. 2018's code, for both CIFAR sets.
Normalization cifar_normalization() {
    return {{125.3 / 255, 123.0 / 255, 113.9 / 255}, {63.0 / 255, 62.1 / 255, 66.7 / 255}};
}

const std::vector<KnownSet>& sets() {
    static const std::vector<KnownSet> table{
        {"fashion-mnist",
         1,
         10,
         {{0.2860}, {0.3530}},
         "/usr/share/datasets/fashion-mnist",
         "install Debian's package dataset-fashion-mnist, or set data.folder to where the files are",
         read_idx_split},
        {"mnist", 1, 10, {{0.1307}, {0.3081}}, "", "set data.folder to the folder of MNIST's four IDX files", read_idx_split},
        {"cifar10", 3, 10, cifar_normalization(), "", "set data.folder to the unpacked cifar-10-batches-bin or cifar-10-batches-py",
         read_cifar10_split},
        {"cifar100", 3, 100, cifar_normalization(), "", "set data.folder to the unpacked cifar-100-binary or cifar-100-python",
         read_cifar100_split},
    };
    return table;
}

const KnownSet& find_set(const std::string& name) {
    for (const KnownSet& set : sets()) {
        if (set.name == name) return set;
    }
    const std::string guess = nearest(name, known_sets());
    throw Error(ExitCode::config, cat("data.set: there is no data set '", name, "'",
                                      guess.empty() ? "" : cat("; did you mean ", guess, "?"), " (known: ", join(known_sets()), ")"));
}

// The four files of MNIST and its like, plain or compressed.
std::vector<std::string> idx_files() {
    std::vector<std::string> files;
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
        for (const char* ending : {"", ".gz"}) files.push_back(cat(name, ending));
    return files;
}

SetLayout KnownSet::layout() const {
    if (name == "mnist") return {name, {"MNIST/raw", "raw"}, idx_files()};
    if (name == "fashion-mnist") return {name, {"FashionMNIST/raw", "raw"}, idx_files()};
    if (name == "cifar100") return {name, {"cifar-100-binary", "cifar-100-python"}, {"train.bin", "test.bin", "train", "test"}};
    SetLayout layout{name, {"cifar-10-batches-bin", "cifar-10-batches-py"}, {"test_batch.bin", "test_batch"}};
    for (int batch = 1; batch <= 5; ++batch)
        for (const char* ending : {"", ".bin"}) layout.files.push_back(cat("data_batch_", batch, ending));
    return layout;
}

std::vector<SetLayout> layouts() {
    std::vector<SetLayout> all;
    for (const KnownSet& set : sets()) all.push_back(set.layout());
    return all;
}

SetFiles locate(const KnownSet& set, const Source& source) {
    const fs::path folder = source.folder.empty() ? set.usual_folder : source.folder;
    OROGRAPH_VALIDATE(!folder.empty(), ExitCode::config, "data.folder is missing: data set ", set.name, " has no usual place; ",
                      set.remedy);
    std::error_code unreadable;
    OROGRAPH_VALIDATE(!fs::is_regular_file(folder, unreadable), ExitCode::no_input, "data set ", set.name, ": ", folder,
                      " is a file; unpack it where it is an archive, and ", set.remedy);
    OROGRAPH_VALIDATE(fs::is_directory(folder, unreadable), ExitCode::no_input, "data set ", set.name, ": there is no folder ", folder,
                      "; ", set.remedy);
    return {set.name, find_folder(folder, set.layout(), layouts()), set.classes, set.remedy};
}

}  // namespace

const std::vector<std::string>& known_sets() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const KnownSet& set : sets()) list.push_back(set.name);
        list.emplace_back(own_set);
        return list;
    }();
    return names;
}

RawSet open_known_set(const Source& source) {
    const KnownSet& set = find_set(source.set);
    OROGRAPH_VALIDATE(source.files.empty() && !source.classes, ExitCode::config, source.files.empty() ? "data.classes" : "data.files",
                      " is for data.set: ", own_set, ", and data.set is ", set.name, "; remove one");
    const SetFiles files = locate(set, source);
    RawSet raw{set.channels, set.classes, set.normalization, {}};
    for (const std::string& name : source.splits) {
        raw.splits.push_back(set.read(files, name));
        raw.splits.back().name = name;
    }
    return raw;
}

}  // namespace orograph::data
