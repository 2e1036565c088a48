#include "architectures.hpp"

#include "orograph/core/error.hpp"
#include "orograph/model/network.hpp"

#include <algorithm>
#include <map>

namespace orograph::model {
namespace {

// LeCun et al. 1998 fig. 2 as it is built today: ReLU instead of the scaled tanh, max pooling instead of trained subsampling, every map of
// the second convolution reads all six of the first, and a linear layer instead of Euclidean radial basis functions. Its input was 32x32
// from the first.
void assemble_lenet5(NetworkBuilder& net) {
    int at = net.conv(0, "conv1", {.channels = 6, .kernel = 5, .padding = 0, .bias = true});
    at = net.max_pool(net.relu(at), {});
    at = net.conv(at, "conv2", {.channels = 16, .kernel = 5, .padding = 0, .bias = true});
    at = net.max_pool(net.relu(at), {});
    at = net.relu(net.linear(net.flatten(at), "fc1", 120));
    at = net.relu(net.linear(at, "fc2", 84));
    net.linear(at, "fc3", net.classes());
}

void assemble_mlp(NetworkBuilder& net) {
    int at = net.flatten(0);
    at = net.relu(net.linear(at, "fc1", 256));
    at = net.relu(net.linear(at, "fc2", 128));
    net.linear(at, "fc3", net.classes());
}

std::vector<Architecture> make_architectures() {
    std::vector<Architecture> table = li_architectures();
    for (Architecture& entry : garipov_architectures()) table.push_back(std::move(entry));
    table.push_back({"lenet5", "LeCun et al. 1998, with ReLU and max pooling", assemble_lenet5});
    table.push_back({"mlp", "none: two hidden layers, for quick looks", assemble_mlp});
    return table;
}

const std::vector<Architecture>& architectures() {
    static const std::vector<Architecture> table = make_architectures();
    return table;
}

std::vector<std::string> collect_names() {
    std::vector<std::string> names;
    for (const Architecture& architecture : architectures()) names.push_back(architecture.name);
    return names;
}

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes_of(const ParameterSpace& space) {
    Shapes shapes;
    for (const auto* specs : {&space.parameters, &space.states})
        for (const TensorSpec& spec : *specs) shapes[spec.name] = spec.shape;
    return shapes;
}

const Architecture& find_architecture(const std::string& name) {
    const auto& table = architectures();
    const auto found = std::find_if(table.begin(), table.end(), [&](const Architecture& entry) { return entry.name == name; });
    if (found != table.end()) return *found;
    const std::string guess = nearest(name, known_architectures());
    throw Error(ExitCode::config,
                cat("model.architecture: there is no '", name, "'", guess.empty() ? "" : cat("; did you mean ", guess, "?"),
                    " (known: ", join(known_architectures()), ")"));
}

bool has_same_tensors(const ParameterSpace& a, const ParameterSpace& b) {
    return a.parameters.size() + a.states.size() == b.parameters.size() + b.states.size() && shapes_of(a) == shapes_of(b);
}

}  // namespace

const std::vector<std::string>& known_architectures() {
    static const std::vector<std::string> names = collect_names();
    return names;
}

const std::string& paper_of(const std::string& architecture) {
    return find_architecture(architecture).paper;
}

Network build_network(const std::string& architecture, int channels, int classes) {
    NetworkBuilder net(architecture, channels, classes);
    find_architecture(architecture).assemble(net);
    return std::move(net).finish();
}

std::vector<std::string> architectures_with(const ParameterSpace& space, int channels, int classes) {
    std::vector<std::string> names;
    for (const std::string& name : known_architectures())
        if (has_same_tensors(build_network(name, channels, classes).space, space)) names.push_back(name);
    return names;
}

}  // namespace orograph::model
