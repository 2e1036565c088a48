#include "architecture_search.hpp"

#include <algorithm>

namespace orograph::model {
namespace {

constexpr std::size_t most_tensors = 20'000;

bool is_single(const StoredTensor& tensor) {
    return std::all_of(tensor.shape.begin(), tensor.shape.end(), [](std::int64_t size) { return size == 1; });
}

bool leaves_numbers_alone(const Reading& reading, const Network& network) {
    const std::size_t needed = network.space.parameters.size() + network.space.states.size();
    const auto singles =
        std::count_if(reading.tensors.begin(), reading.tensors.end(), [](const auto& named) { return is_single(*named.second); });
    return reading.tensors.size() <= needed + static_cast<std::size_t>(singles);
}

bool fits(const StateDict& dict, const Network& other, const ArchitectureSearch& search) {
    const auto readings = find_readings(dict, other, search.choice);
    return std::any_of(readings.begin(), readings.end(), [&](const Reading& reading) {
        return reading.is_complete && (!search.place || reading.place == *search.place) &&
               (!search.is_exact || leaves_numbers_alone(reading, other));
    });
}

}  // namespace

std::vector<std::string> find_architectures(const StateDict& dict, const Network& network, const ArchitectureSearch& search) {
    std::vector<std::string> names;
    if (dict.tensors.size() > most_tensors) return names;
    std::size_t most = search.more_than + 1;
    for (const std::string& architecture : known_architectures()) {
        if (architecture == network.architecture) continue;
        const Network other = build_network(architecture, network.channels, network.classes);
        const std::size_t needed = other.space.parameters.size() + other.space.states.size();
        if (needed < most || needed > dict.tensors.size() || !fits(dict, other, search)) continue;
        if (needed > most) names.clear();
        most = needed;
        names.push_back(architecture);
    }
    return names;
}

}  // namespace orograph::model
