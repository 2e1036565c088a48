#pragma once

#include "orograph/app/config.hpp"
#include "orograph/landscape/checkpoint_list.hpp"
#include "orograph/model/weights.hpp"

#include <string>
#include <vector>

namespace orograph::app {

// The curve that a configuration names, and the checkpoints of its points as model::load_weights takes them: of a segment, bezier or
// polychain both ends, first and last, and the bends between; of checkpoints all.
struct CurveSource {
    struct Point {
        std::string source;
        std::string key;  // who names it, for messages: "curve.ends[1]"
    };
    std::string kind;  // bezier, polychain, segment, checkpoints
    std::vector<Point> points;
    double weight_decay = 0;
    bool knows_weight_decay = false;
};

// Reads the index, where there is one. Error(no_input), Error(data): of the index; Error(config): it is of another architecture.
CurveSource curve_source_of(const CurveSection& section, const std::string& architecture);

// The weights at one point of `source`. Throws as model::load_weights does, naming the key.
model::Weights load_point(const CurveSource& source, std::size_t point, const model::Network& network);

// All of them, or (checkpoints) the first alone; fingerprints of all.
struct LoadedCurve {
    CurveSource source;
    std::vector<model::Weights> weights;
    std::vector<landscape::CheckpointFile> files;
};
LoadedCurve load_curve(CurveSource source, const model::Network& network);

}  // namespace orograph::app
