// Prints "rank 2 takes GPU 2": the name, in CUDA_VISIBLE_DEVICES, of the GPU that Orograph would take on this rank. For machines without
// GPUs.
#include "resources.hpp"

#include "orograph/par/environment.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

int main(int argc, char** argv) {
    using namespace orograph;
    const par::Environment environment(argc, argv);
    const auto world = par::Communicator::world();
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    if (visible == nullptr) return 1;
    std::vector<std::string> names;
    std::istringstream stream(visible);
    for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
    const auto index = static_cast<std::size_t>(app::device_index(world.split_node(), static_cast<int>(names.size())));
    std::printf("rank %d takes GPU %s\n", world.rank(), names.at(index).c_str());
}
