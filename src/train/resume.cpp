#include "resume.hpp"

#include "history.hpp"

#include "orograph/core/error.hpp"
#include "orograph/core/items.hpp"
#include "orograph/core/log.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <set>

namespace orograph::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* newest_name = "resume.safetensors";
constexpr const char* previous_name = "resume.previous.safetensors";
constexpr const char* next_name = "resume.next.safetensors";
constexpr std::string_view fingerprint_prefix = "fingerprint.";  // of the names in the metadata

const std::string& metadata(const TensorFile& file, const std::string& key) {
    const auto found = file.metadata.find(key);
    OROGRAPH_VALIDATE(found != file.metadata.end(), ExitCode::data, "its metadata has no \"", key, "\"");
    return found->second;
}

std::int64_t count_from(const TensorFile& file, const std::string& key) {
    const std::string& text = metadata(file, key);
    std::int64_t value = -1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    OROGRAPH_VALIDATE(value >= 0, ExitCode::data, "its \"", key, "\" is not a count");
    return value;
}

std::map<std::string, std::string> fingerprints_from(const TensorFile& file) {
    std::map<std::string, std::string> items;
    for (const auto& [key, value] : file.metadata) {
        if (key.starts_with(fingerprint_prefix)) items[key.substr(fingerprint_prefix.size())] = value;
    }
    OROGRAPH_VALIDATE(!items.empty(), ExitCode::data, "its metadata does not say of which run it is");
    return items;
}

// The first item in which two runs differ, in words; empty where there is none. Items that both have come first: one that only one of them
// has, such as sgd's momentum, follows from another.
std::string first_difference(const Items& theirs, const Items& ours) {
    const auto found = find_difference(theirs, ours, [&](const std::string& item) { return theirs.contains(item) && ours.contains(item); });
    return found ? cat("with another ", found->item, " (", found->theirs, "; this job has ", found->ours, ")") : "";
}

RunState state_from(const TensorFile& file) {
    return {static_cast<int>(count_from(file, "epoch")), count_from(file, "step"), count_from(file, "optimizer_steps"),
            history_from_csv(metadata(file, "history"))};
}

FileTensor to_file_tensor(const std::string& name, const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kCPU).contiguous();
    const auto* bytes = static_cast<const std::byte*>(host.const_data_ptr());
    return {name, "F32", {host.numel()}, {bytes, bytes + host.nbytes()}};
}

// Before fill(), so that nothing is half filled.
void check_shapes(const TensorFile& file, const NamedTensors& tensors) {
    OROGRAPH_VALIDATE(file.tensors.size() == tensors.size(), ExitCode::data, "it holds ", file.tensors.size(), " tensors instead of ",
                      tensors.size());
    for (const auto& [name, tensor] : tensors) {
        const auto has_name = [&name = name](const FileTensor& candidate) { return candidate.name == name; };
        const auto found = std::find_if(file.tensors.begin(), file.tensors.end(), has_name);
        const bool fits = found != file.tensors.end() && found->dtype == "F32" && found->data.size() == tensor.nbytes();
        OROGRAPH_VALIDATE(fits, ExitCode::data, "its tensor ", name, " is missing or of another size");
    }
}

void fill(const TensorFile& file, const NamedTensors& tensors) {
    for (const FileTensor& source : file.tensors) {
        for (const auto& [name, tensor] : tensors) {
            if (name != source.name) continue;
            at::Tensor host = at::empty(tensor.sizes(), at::kFloat);
            std::memcpy(host.data_ptr(), source.data.data(), source.data.size());
            at::Tensor(tensor).copy_(host);
        }
    }
}

// NAME-N.safetensors
bool is_numbered(const std::string& file, const char* name) {
    const std::string format = cat(name, "-%u.safetensors%n");
    unsigned number = 0;
    int length = 0;
    return std::sscanf(file.c_str(), format.c_str(), &number, &length) == 1 && static_cast<std::size_t>(length) == file.size();
}

// Of a run of any kind.
bool is_run_file(const std::string& name) {
    static const std::set<std::string> names{newest_name,   previous_name,       next_name,   "final.safetensors",
                                             "history.csv", "curve.safetensors", "curve.yaml"};
    return names.contains(name) || is_numbered(name, "epoch") || is_numbered(name, "bend");
}

// ".NAME.tmp-PID": what a process that was killed in write_file_atomically() leaves.
bool is_leftover(const std::string& name) {
    const std::size_t end = name.rfind(".tmp-");
    return end != std::string::npos && name.front() == '.' && is_run_file(name.substr(1, end - 1));
}

void rename_file(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::rename(from, to, error);
    OROGRAPH_VALIDATE(!error, ExitCode::io, "cannot rename ", from.string(), " to ", to.string(), " (", error.message(), ")");
}

void remove_file(const fs::path& file) {
    std::error_code error;
    fs::remove(file, error);
    OROGRAPH_VALIDATE(!error, ExitCode::io, "cannot delete ", file.string(), " (", error.message(), ")");
}

}  // namespace

// What the folder holds: a run to go on with, or a reason why that is impossible, or nothing.
struct RunFolder::Finding {
    std::optional<TensorFile> file;
    RunState state;
    std::string problem;
    std::string name;  // of the file
};

RunFolder::RunFolder(const Place& place) : place_(place), lock_(place.folder / "train") {
    for (const fs::path& file : files(is_leftover)) remove_file(file);
}

// Newest first: a next file exists only where the process died while it was to take the newest one's name.
RunFolder::Finding RunFolder::find(const NamedTensors& tensors) const {
    std::string broken;
    for (const char* name : {next_name, newest_name, previous_name}) {
        if (!fs::exists(path(name))) continue;
        try {
            TensorFile file = read_safetensors(path(name));
            const std::string difference = first_difference(fingerprints_from(file), place_.fingerprints);
            if (!difference.empty()) return {{}, {}, cat("the folder ", place_.folder.string(), " holds a training run ", difference), ""};
            check_shapes(file, tensors);
            RunState state = state_from(file);
            if (!broken.empty()) log::warn(cat(broken, "; going on from ", path(name).string()));
            return {std::move(file), std::move(state), "", name};
        } catch (const Error& error) {
            broken = cat(path(name).string(), " cannot be used: ", error.what());
        }
    }
    if (!broken.empty()) return {{}, {}, cat("the training run in ", place_.folder.string(), " cannot be resumed (", broken, ")"), ""};
    if (!files(is_run_file).empty())
        return {{}, {}, cat("the folder ", place_.folder.string(), " holds checkpoints without a resume file"), ""};
    return {};
}

std::optional<RunState> RunFolder::restore(const NamedTensors& tensors) {
    Finding finding = find(tensors);
    if (!finding.problem.empty()) {
        OROGRAPH_VALIDATE(place_.overwrite, ExitCode::data, finding.problem,
                          "; choose another folder, delete this one, or start anew with output.overwrite: true");
        for (const fs::path& file : files(is_run_file)) remove_file(file);
        return std::nullopt;
    }
    if (!finding.file) return std::nullopt;
    fill(*finding.file, tensors);
    if (finding.name == next_name) take_next();
    return finding.state;
}

void RunFolder::save(const RunState& state, const NamedTensors& tensors) {
    TensorFile file;
    file.metadata = {{"epoch", std::to_string(state.epoch)},
                     {"step", std::to_string(state.step)},
                     {"optimizer_steps", std::to_string(state.optimizer_steps)},
                     {"history", to_csv(state.history)}};
    for (const auto& [item, value] : place_.fingerprints) file.metadata[cat(fingerprint_prefix, item)] = value;
    for (const auto& [name, tensor] : tensors) file.tensors.push_back(to_file_tensor(name, tensor));
    write_safetensors(path(next_name), std::move(file));
    take_next();
}

// The next file becomes the newest; where a run ended in between, restore() makes up for it.
void RunFolder::take_next() {
    if (fs::exists(path(newest_name))) rename_file(path(newest_name), path(previous_name));
    rename_file(path(next_name), path(newest_name));
    sync_path(place_.folder);
}

void RunFolder::write_history(const std::vector<EpochRecord>& history) const {
    write_file_atomically(path("history.csv"), to_csv(history));
}

std::vector<fs::path> RunFolder::files(bool (*is_wanted)(const std::string&)) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(place_.folder)) {
        if (entry.is_regular_file() && is_wanted(entry.path().filename().string())) found.push_back(entry.path());
    }
    return found;
}

}  // namespace orograph::train
