#include "same_tensors.hpp"

#include "orograph/core/log.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>
#include <mutex>
#include <set>

namespace orograph::model {
namespace {

// A job may load thousands of checkpoints, and from several threads.
bool is_first(const std::string& architecture) {
    static std::mutex mutex;
    static std::set<std::string> seen;
    const std::lock_guard lock(mutex);
    return seen.insert(architecture).second;
}

}  // namespace

void note_same_tensors(const Network& network) {
    const auto& known = known_architectures();
    if (std::ranges::find(known, network.architecture) == known.end() || !is_first(network.architecture)) return;
    const std::vector<std::string> names = architectures_with(network.space, network.channels, network.classes);
    if (names.size() > 1) {
        log::info(cat(join(names, " and "),
                      " have the same tensors: a checkpoint of one loads as the other and gives other numbers; set "
                      "model.architecture to the one that these weights were trained as"));
    } else if (network.architecture.ends_with("_noshort")) {
        log::info(cat(network.architecture,
                      " has the tensors of every network whose shortcuts have no parameters: a checkpoint of one with "
                      "such shortcuts loads and gives other numbers; export it with orograph.export"));
    }
}

}  // namespace orograph::model
