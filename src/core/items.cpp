#include "orograph/core/items.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace orograph {
namespace {

std::string value_of(const Items& items, const std::string& item) {
    const auto found = items.find(item);
    return found == items.end() ? "none" : found->second;
}

}  // namespace

std::optional<ItemDifference> find_difference(const Items& theirs, const Items& ours,
                                              const std::function<bool(const std::string& item)>& important) {
    std::set<std::string> names;
    for (const Items* items : {&theirs, &ours})
        for (const auto& [item, value] : *items) names.insert(item);
    std::vector<std::string> ordered(names.begin(), names.end());
    std::stable_partition(ordered.begin(), ordered.end(), important);
    for (const auto& item : ordered) {
        ItemDifference found{item, value_of(theirs, item), value_of(ours, item)};
        if (found.theirs != found.ours) return found;
    }
    return std::nullopt;
}

}  // namespace orograph
