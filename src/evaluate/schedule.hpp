#pragma once

#include "plan.hpp"

#include "orograph/evaluate/arithmetic.hpp"

#include <string>
#include <vector>

// How the compiled CPU evaluator computes a plan: functions of the plan and the instruction set alone, so that all ranks and every resumed
// run decide alike.
namespace orograph::evaluate {

// adapted: direct, from a copy or with zeros around, because the library has no kernel for the value as it lies.
enum class Algorithm { direct, winograd, adapted };

// Of each step, for an instruction set of `lanes` floats a vector (0: direct only). Winograd where it was measured to be faster
// (bench/README.md): windows of 3x3, stride 1 and padding 1 between groups of `lanes` channels, on images of at least 2x2.
std::vector<Algorithm> choose_algorithms(const Plan& plan, int lanes, Convolution wanted);

// "17 winograd + 4 direct convolutions (5f1c09aa)"; the number stands for the choice layer by layer.
std::string describe(const Plan& plan, const std::vector<Algorithm>& algorithms);

// Steps [first, last) that are run one after another for `images` images of a batch, then for the next ones.
struct Segment {
    int first = 0, last = 0;
    std::int64_t images = 0;  // divides the batch
};

// Early steps take few images, so that their activations stay in a core's cache; late ones many, so that their weights are read from memory
// less often. Covers all steps in order. With Statistics::of_batch a batch norm is in a later segment than the values that it normalises.
std::vector<Segment> make_segments(const Plan& plan, const std::vector<Algorithm>& algorithms, std::int64_t batch);

}  // namespace orograph::evaluate
