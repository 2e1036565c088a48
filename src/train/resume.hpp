#pragma once

#include "orograph/core/files.hpp"
#include "orograph/core/safetensors.hpp"
#include "orograph/train/learner.hpp"
#include "orograph/train/trainer.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace orograph::train {

// How far a run is: `step` batches into epoch `epoch` (both from 0). After the last batch and before the epoch's evaluation step = all
// batches.
struct RunState {
    int epoch = 0;
    std::int64_t step = 0;
    std::int64_t optimizer_steps = 0;
    std::vector<EpochRecord> history;
};

// The folder of one training run, held against other jobs while this object lives. A resume file is written beside, then the old one
// becomes resume.previous and the new one takes its name: whenever the process dies, one whole file is there.
class RunFolder {
public:
    // Error(cannot_create): the folder cannot be made, or another job holds it.
    explicit RunFolder(const Place& place);

    // Fills `tensors` from the newest whole resume file of this run; empty where the folder holds no run. What belongs to another run, or
    // cannot be resumed, is an Error(data), or with Place::overwrite is deleted.
    std::optional<RunState> restore(const NamedTensors& tensors);

    void save(const RunState& state, const NamedTensors& tensors);
    void write_history(const std::vector<EpochRecord>& history) const;

private:
    struct Finding;

    std::filesystem::path path(const std::string& name) const { return place_.folder / name; }
    Finding find(const NamedTensors& tensors) const;
    void take_next();
    // Regular files in the folder; what the user put beside the run's is not touched.
    std::vector<std::filesystem::path> files(bool (*is_wanted)(const std::string& name)) const;

    Place place_;
    FileLock lock_;
};

}  // namespace orograph::train
