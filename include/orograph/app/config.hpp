#pragma once

#include "orograph/app/fields.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The configuration of every job: one struct a section, its keys in one visit() each (src/app/config.cpp).
namespace orograph::app {

enum class Job { train, sweep, surface, line, curve };

struct ModelSection {
    std::string architecture = "resnet20";
    std::string file;
    std::string weights;
    std::uint64_t seed = 1;
};

struct NormalizeSection {
    std::vector<double> mean, std;
};

struct SampleSection {
    std::int64_t count = 0;
    std::uint64_t seed = 0;
};

struct FilesSection {
    std::string train, test;
};

struct CorruptSection {
    double fraction = 0;
    std::uint64_t seed = 0;
};

struct DataSection {
    std::string set = "fashion-mnist";
    std::string folder;
    std::optional<FilesSection> files;
    std::optional<int> classes;
    std::vector<std::string> splits{"train", "test"};
    std::optional<std::int64_t> limit;
    std::optional<SampleSection> sample;
    std::optional<CorruptSection> corrupt;
    std::optional<NormalizeSection> normalize;
};

struct DirectionSection {
    std::string kind = "random";
    std::uint64_t seed = 1;
    std::string normalize = "filter";
    std::string ignore = "biasbn";
    std::string space = "parameters";
    std::string weights;
    std::string file;
    std::string name;
};

struct DirectionsSection {
    DirectionSection x{"random", 1, "filter", "biasbn", "parameters", "", "", "xdirection"};
    DirectionSection y{"random", 2, "filter", "biasbn", "parameters", "", "", "ydirection"};
    bool orthogonalize = false;
    bool has_y = true;
};

enum class GridAxes { x, xy, t };

struct GridSection {
    std::vector<double> x{-1, 1, 51};
    std::vector<double> y{-1, 1, 51};
    std::vector<double> t{0, 1, 61};
    GridAxes axes = GridAxes::xy;
};

// A curve to be sampled: its points' checkpoints, or the index that training wrote.
struct CurveSection {
    std::optional<std::string> kind;
    std::vector<std::string> ends, bends;
    std::vector<std::string> files;
    std::string file;
    std::optional<double> weight_decay;
};

// A curve to be trained.
struct CurveTrainingSection {
    std::string kind = "bezier";
    std::vector<std::string> ends;
    int bends = 1;
    std::array<bool, 2> fix_ends{true, true};
};

// A curve that is shown in a plane.
struct ShownCurveSection : CurveSection {
    std::int64_t samples = 61;
};

struct RecalibrateSection {
    std::int64_t batch = 128;
    std::optional<std::int64_t> limit;
};

struct EvaluateSection {
    std::string loss = "cross_entropy";
    std::string precision = "fp32";
    std::string batch_norm = "frozen";
    RecalibrateSection recalibrate;
    std::string evaluator = "auto";
    std::string instruction_set = "auto";
    std::string convolution = "auto";
    std::int64_t batch = 0;
};

struct AugmentSection {
    int crop = 4;
    bool flip = true;
};

struct TrainSection {
    std::string optimizer = "sgd";
    double lr = 0.1;
    double momentum = 0.9;
    bool nesterov = true;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 5e-4;
    std::int64_t batch = 128;
    int epochs = 300;
    std::string schedule = "steps";
    std::vector<int> milestones{150, 225, 275};
    double factor = 0.1;
    AugmentSection augment;
    std::uint64_t seed = 1;
};

struct OutputSection {
    std::string file;
    std::string folder;
    bool overwrite = false;
};

struct RunSection {
    int shards = 1;
    int threads = 0;
    bool master_works = true;
    std::string device = "auto";
    double progress_s = 10;
    std::string progress = "auto";
    double sync_s = 30;
    double lease_timeout_s = 3600;
    int lease_retries = 2;
    bool retry_failed = false;
    std::string log = "info";
};

struct Config {
    Job job = Job::surface;
    ModelSection model;
    DataSection data;
    DirectionsSection directions;                        // surface, line
    CurveSection curve;                                  // curve
    std::optional<ShownCurveSection> shown_curve;        // surface
    GridSection grid;                                    // surface, line, curve
    EvaluateSection evaluate;                            // surface, line, curve
    std::optional<CurveTrainingSection> curve_training;  // train, sweep
    TrainSection train;                                  // train, sweep
    Lists over;                                          // sweep
    OutputSection output;
    RunSection run;
};

const char* to_string(Job job);

// Whether the job trains networks; the others survey weights that there are.
bool trains(Job job);

// The defaults of a job, which differ in output.file and output.folder.
Config default_config(Job job);

// Reads a configuration for `job`: YAML text, then the --set assignments. Error(config) for the file's faults, Error(usage) for those of
// --set; each names file, line and key.
Config read_config(Job job, const std::string& text, const std::string& origin, const std::vector<std::string>& overrides);

// As YAML that read_config() takes back: with comments for --dump-default, without for the provenance.
std::string write_config(const Config& config, Comments comments);

}  // namespace orograph::app
