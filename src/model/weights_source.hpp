#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace orograph::model {

// What model.weights names: a file, and which of the weights in it.
struct WeightsSource {
    std::filesystem::path file;
    std::optional<std::int64_t> bend;   // of a curve
    std::string key;                    // of the state_dict, where there are several; empty: the one that fits
    std::optional<std::string> prefix;  // of the tensors' names, where several readings of them fit; with a dot at its end, or empty
};

// Takes "FILE", "FILE#bend=1", "FILE#key=ema", "FILE#prefix=student.", or several of these, each once. Only these three words begin a
// choice, so that names of files, keys and prefixes may hold a #. Error(config) for another word after the #.
WeightsSource parse_weights_source(const std::filesystem::path& source);

}  // namespace orograph::model
