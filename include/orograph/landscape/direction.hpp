#pragma once

#include "orograph/model/weights.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace orograph::landscape {

// Li et al. 2018, sec. 4; formulas in docs/design/directions.md.
enum class Normalize { none, filter, layer, weight, dfilter, dlayer };
// What becomes of tensors with at most one dimension: `none` scales them like the rest (as a whole), `biasbn` sets them to 0, `li_compat`
// copies the weights into them as the authors' code does.
enum class Ignore { none, biasbn, li_compat };
enum class Space { parameters, states };

enum class DirectionKind { random, towards, file, plane };

struct DirectionSpec {
    DirectionKind kind = DirectionKind::random;
    std::uint64_t seed = 1;                   // random
    Normalize normalize = Normalize::filter;  // random
    Ignore ignore = Ignore::biasbn;           // random
    Space space = Space::parameters;          // states: the BN statistics move too
    std::filesystem::path weights{};          // towards: theta_other - theta, never normalised; plane: plane.hpp
    std::filesystem::path file{};             // file: Li et al.'s HDF5 direction file ...
    std::string name = "xdirection";          // ... and the group in it
};

// A direction in the flat space; states is zero for Space::parameters. CPU, float32.
struct Direction {
    model::Weights delta;
    DirectionSpec spec;
};

// i.i.d. N(0,1), one counter stream a tensor, then normalised against `centre`.
Direction random_direction(const model::Network& network, const model::Weights& centre, const DirectionSpec& spec);

// other - centre.
Direction direction_towards(const model::Network& network, const model::Weights& centre, const DirectionSpec& spec);

// From tensors in parameter order (Space::states: in the order of state_dict, with or without num_batches_tracked), as Li et al.'s file
// holds them. Error(data) where number or shapes do not fit.
Direction direction_from_tensors(const model::Network& network, const std::vector<at::Tensor>& tensors, const DirectionSpec& spec);

// The reverse: tensors in that order.
std::vector<at::Tensor> tensors_of(const model::Network& network, const Direction& direction);

// cos of the angle between two directions over parameters and states, float64; 0 where one is zero.
double cosine(const Direction& a, const Direction& b);

// b minus its part along a (Gram-Schmidt, float64 inner products); option `orthogonalize`.
void orthogonalize(const Direction& a, Direction& b);

std::string fingerprint(const Direction& direction);

// Words of the configuration; throw Error(config) with the allowed ones.
Normalize normalize_from(const std::string& word);
Ignore ignore_from(const std::string& word);
Space space_from(const std::string& word);
const char* to_string(Normalize);
const char* to_string(Ignore);
const char* to_string(Space);
const char* to_string(DirectionKind);

}  // namespace orograph::landscape
