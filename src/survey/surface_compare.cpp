#include "surface_layout.hpp"

#include "orograph/core/items.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>
#include <cstring>
#include <set>

namespace orograph::survey {

namespace {

std::string describe(const Axis& axis) {
    return cat("axis ", axis.name, ": ", axis.coordinates.size(), " values from ", shortest(axis.coordinates.front()), " to ",
               shortest(axis.coordinates.back()));
}

std::string describe(const Grid& grid) {
    std::vector<std::string> axes;
    for (const auto& axis : grid.axes()) axes.push_back(describe(axis));
    return join(axes);
}

// Bit for bit: a point's coordinates decide its digits.
bool equal_axes(const Axis& a, const Axis& b) {
    const auto count = a.coordinates.size();
    return a.name == b.name && count == b.coordinates.size() &&
           (count == 0 || std::memcmp(a.coordinates.data(), b.coordinates.data(), count * sizeof(double)) == 0);
}

bool equal_grids(const Grid& a, const Grid& b) {
    return std::equal(a.axes().begin(), a.axes().end(), b.axes().begin(), b.axes().end(), equal_axes);
}

std::string describe(const std::vector<landscape::Field>& fields) {
    std::vector<std::string> words;
    for (const auto& field : fields) words.push_back(cat(field.name, " [", field.units, "]"));
    return join(words);
}

// Causes first: random directions follow from the weights, the batch from the rest of the evaluator.
std::string fingerprint_difference(const SurfaceSchema& theirs, const SurfaceSchema& ours) {
    const std::set<std::string> causes{"evaluate.convolution", "evaluate.evaluator", "evaluate.instruction_set", "evaluate.precision",
                                       "weights"};
    const auto found =
        find_difference(theirs.fingerprints, ours.fingerprints, [&](const std::string& item) { return causes.contains(item); });
    return found ? cat(found->item, " (fingerprint ", found->theirs, "; this job has ", found->ours, ")") : "";
}

}  // namespace

std::string first_difference(const SurfaceSchema& theirs, const SurfaceSchema& ours) {
    const auto difference = fingerprint_difference(theirs, ours);
    if (!difference.empty()) return difference;
    if (!equal_grids(theirs.grid, ours.grid)) return cat("grid (", describe(theirs.grid), "; this job has ", describe(ours.grid), ")");
    const auto their_fields = describe(theirs.fields), our_fields = describe(ours.fields);
    if (their_fields != our_fields) return cat("set of values (", their_fields, "; this job has ", our_fields, ")");
    return "";
}

}  // namespace orograph::survey
