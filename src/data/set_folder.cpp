#include "set_folder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/log.hpp"

#include <algorithm>
#include <optional>

namespace orograph::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_entries = 1000;  // of a folder that is looked through

bool has_files(const fs::path& folder, const SetLayout& layout) {
    std::error_code unreadable;
    return std::any_of(layout.files.begin(), layout.files.end(),
                       [&](const std::string& name) { return fs::is_regular_file(folder / name, unreadable); });
}

std::optional<fs::path> place_of(const fs::path& folder, const SetLayout& layout) {
    if (has_files(folder, layout)) return folder;
    for (const fs::path& place : layout.places) {
        if (has_files(folder / place, layout)) return folder / place;
    }
    return std::nullopt;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code unreadable;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, unreadable)) {
        names.push_back(entry.path().filename().string());
        if (names.size() == most_entries) break;
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string with_ending(const std::vector<std::string>& names, const std::vector<std::string>& endings) {
    for (const std::string& name : names) {
        if (std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) { return name.ends_with(ending); })) return name;
    }
    return {};
}

// What a folder without files of the set is, and what to do; empty where nothing is known of it.
std::string describe(const fs::path& folder, const SetLayout& layout, const std::vector<SetLayout>& all) {
    for (const SetLayout& other : all) {
        const auto place = other.set == layout.set ? std::nullopt : place_of(folder, other);
        if (place) return cat(*place, " holds ", other.set, "; set data.set to ", other.set, ", or data.folder to another one");
    }
    const std::vector<std::string> names = names_in(folder);
    if (const std::string archive = with_ending(names, {".tar.gz", ".tgz", ".tar", ".zip"}); !archive.empty())
        return cat(folder, " holds ", archive, ", which is not unpacked; unpack it there (tar -xf ", archive, ")");
    if (const std::string matlab = with_ending(names, {".mat"}); !matlab.empty())
        return cat(folder, " holds ", matlab, ": Matlab's version is not read; fetch the Python or the binary version");
    if (const std::string other = with_ending(names, {".npz", ".npy", ".parquet", ".arrow", ".pt", ".pkl", ".csv", ".png", ".jpg"});
        !other.empty())
        return cat(folder, " holds ", other, ", a form that is not read; fetch the authors' files, or write arrays (data.set: arrays)");
    return {};
}

}  // namespace

fs::path find_folder(const fs::path& folder, const SetLayout& layout, const std::vector<SetLayout>& all) {
    if (const auto place = place_of(folder, layout)) {
        if (*place != folder) log::info(cat("data set ", layout.set, " is read from ", *place));
        return *place;
    }
    const std::string what = describe(folder, layout, all);
    OROGRAPH_VALIDATE(what.empty(), ExitCode::no_input, "data set ", layout.set, ": ", what);
    return folder;
}

}  // namespace orograph::data
