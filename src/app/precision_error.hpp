#pragma once

#include "inputs.hpp"

#include "orograph/evaluate/evaluator.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace orograph::app {

// How far a precision is from fp32 at some points of a job's own grid.
struct PrecisionError {
    std::vector<std::vector<double>> points;  // coordinates
    std::string images;                       // of each split: "train 1024, test 1024"
    double loss = 0;  // largest |loss - fp32's| / |fp32's|; infinite where it is lost altogether, NaN where fp32 has no finite loss either
    double accuracy = 0;  // largest difference in percent points
};

// Of each axis the first value, the one nearest to 0 and the last, in all combinations: 9 points of a plane. A line has the ones half-way
// too.
std::vector<survey::PointIndex> sample_points(const survey::Grid& grid);

// Compares records of one evaluator kind, in the precision of `options` and in fp32, over the first images of each split (1,024 at most).
// Not collective. Nothing where the job was asked to stop meanwhile.
std::optional<PrecisionError> measure_precision_error(const Inputs& inputs, const survey::Grid& grid, const evaluate::Options& options);

// Writes into `error` what the records of one point, fp32's and the other's, add to it.
void add_point(PrecisionError& error, const std::vector<landscape::Field>& fields, std::span<const double> exact,
               std::span<const double> other);

// As the surface file keeps it: precision_error_loss_relative, precision_error_accuracy_percent, precision_error_points,
// precision_error_images.
std::map<std::string, std::string> provenance_of(const PrecisionError& error);

}  // namespace orograph::app
