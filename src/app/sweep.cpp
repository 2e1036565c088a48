#include "sweep.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

namespace orograph::app {

namespace {

struct SweptAxis {
    std::string name;               // of the axis in the file and of the runs' folders: "seed"
    std::vector<std::string> keys;  // "model.seed", "train.seed"
    std::vector<std::string> values;
};

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, separator);) {
        part.erase(0, part.find_first_not_of(' '));
        part.erase(part.find_last_not_of(' ') + 1);
        parts.push_back(part);
    }
    return parts;
}

// As a part of a file's name.
std::string plain(std::string word) {
    std::replace_if(
        word.begin(), word.end(), [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '-' && c != '_'; }, '-');
    return word;
}

// Such a value is named by its position: its words would make a long name.
bool is_list(const std::string& value) {
    return value.starts_with('[');
}

SweptAxis make_axis(const std::string& entry, const std::vector<std::string>& values) {
    SweptAxis axis{{}, split(entry, ','), values};
    OROGRAPH_VALIDATE(!axis.keys.empty() && std::ranges::none_of(axis.keys, &std::string::empty), ExitCode::config, "over: '", entry,
                      "' is no key such as model.seed");
    OROGRAPH_VALIDATE(!values.empty(), ExitCode::config, "over.", entry, " lists no values");
    const std::set<std::string> distinct(values.begin(), values.end());
    OROGRAPH_VALIDATE(distinct.size() == values.size(), ExitCode::config, "over.", entry, " lists a value twice");
    axis.name = plain(split(axis.keys.front(), '.').back());
    return axis;
}

std::vector<SweptAxis> axes_of(const Config& sweep) {
    OROGRAPH_VALIDATE(!sweep.over.empty(), ExitCode::config,
                      "over is empty: list what changes from run to run, such as model.seed: [1, 2]");
    std::vector<SweptAxis> axes;
    for (const auto& [entry, values] : sweep.over) axes.push_back(make_axis(entry, values));
    const std::vector<SweptAxis> short_named = axes;
    for (SweptAxis& axis : axes) {
        if (std::ranges::count(short_named, axis.name, &SweptAxis::name) > 1) axis.name = plain(axis.keys.front());
    }
    return axes;
}

// Points are told apart by their coordinates, so that 0.1 and 1e-1, which are two values of the list, count by their positions.
std::vector<double> coordinates_of(const std::vector<std::string>& values) {
    std::vector<double> numbers, positions;
    for (const std::string& value : values) {
        double number = 0;
        const char* const end = value.data() + value.size();
        if (std::from_chars(value.data(), end, number).ptr == end) numbers.push_back(number);
        positions.push_back(static_cast<double>(positions.size()));
    }
    const std::set<double> distinct(numbers.begin(), numbers.end());
    return distinct.size() == values.size() && std::ranges::all_of(numbers, [](double n) { return std::isfinite(n); }) ? numbers
                                                                                                                       : positions;
}

// Which value each axis has at a point, the last axis fastest, as in survey::Grid.
std::vector<std::size_t> positions(const std::vector<SweptAxis>& axes, std::int64_t point) {
    std::vector<std::size_t> result(axes.size());
    for (std::size_t i = axes.size(); i-- > 0;) {
        const auto count = static_cast<std::int64_t>(axes[i].values.size());
        result[i] = static_cast<std::size_t>(point % count);
        point /= count;
    }
    return result;
}

Config make_run(const Config& sweep, const std::string& text, const std::vector<SweptAxis>& axes, std::int64_t point) {
    std::vector<std::string> assignments;
    std::string name;
    const auto at = positions(axes, point);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::string& value = axes[i].values[at[i]];
        for (const std::string& key : axes[i].keys) assignments.push_back(cat(key, "=", value));
        name += cat(i > 0 ? "," : "", axes[i].name, "=", is_list(value) ? std::to_string(at[i]) : plain(value));
    }
    try {
        Config run = read_config(Job::train, text, "over", assignments);
        run.output.folder = (std::filesystem::path(sweep.output.folder) / name).string();
        return run;
    } catch (const Error& error) {
        const std::string problem = error.what(), option = "--set ";  // nobody gave that one
        throw Error(ExitCode::config, cat("over: ", problem.substr(problem.starts_with(option) ? option.size() : 0)));
    }
}

}  // namespace

survey::Grid sweep_grid(const Config& sweep) {
    std::vector<survey::Axis> axes;
    for (const SweptAxis& axis : axes_of(sweep)) axes.push_back({axis.name, coordinates_of(axis.values)});
    return survey::Grid(std::move(axes));
}

std::vector<Config> sweep_runs(const Config& sweep) {
    const std::vector<SweptAxis> axes = axes_of(sweep);
    Config base = sweep;
    base.job = Job::train;
    const std::string text = write_config(base, Comments::without);
    std::vector<Config> runs;
    std::set<std::string> folders;
    const std::int64_t count = sweep_grid(sweep).size();
    for (std::int64_t point = 0; point < count; ++point) {
        runs.push_back(make_run(sweep, text, axes, point));
        OROGRAPH_VALIDATE(folders.insert(runs.back().output.folder).second, ExitCode::config, "over: two runs would share the folder ",
                          runs.back().output.folder);
    }
    return runs;
}

}  // namespace orograph::app
