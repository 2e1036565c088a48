#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace orograph {

// What decides a result, by name: digests and settings. All must be equal for a job to go on with what another one has begun.
using Items = std::map<std::string, std::string>;

struct ItemDifference {
    std::string item, theirs, ours;  // "none" where it is not there
};

// The first item in which they differ: of those that are `important`, in the order of names, then of the others.
std::optional<ItemDifference> find_difference(const Items& theirs, const Items& ours,
                                              const std::function<bool(const std::string& item)>& important);

}  // namespace orograph
