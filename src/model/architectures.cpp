#include "builder.hpp"

#include "orograph/core/error.hpp"
#include "orograph/model/network.hpp"

#include <algorithm>
#include <functional>

namespace orograph::model {
namespace {

enum class Shortcut { projection, none };

// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), the shortcut a 1x1 convolution with BN where the shape changes, else the identity
// (He et al. 2016 fig. 2 and sec. 3.3 option B). Without a shortcut only the addition goes (Li et al. 2018 sec. 5).
int basic_block(NetworkBuilder& net, int from, const std::string& path, std::int64_t planes, int stride, Shortcut shortcut) {
    int main = net.conv(from, path + "conv1", {.channels = planes, .stride = stride});
    main = net.relu(net.batch_norm(main, path + "bn1"));
    main = net.conv(main, path + "conv2", {.channels = planes});
    main = net.batch_norm(main, path + "bn2");
    if (shortcut == Shortcut::none) return net.relu(main);
    int side = from;
    if (stride != 1 || net.channels_of(from) != planes) {
        side = net.conv(from, path + "shortcut.0", {.channels = planes, .kernel = 1, .stride = stride, .padding = 0});
        side = net.batch_norm(side, path + "shortcut.1");
    }
    return net.relu(net.add(main, side));
}

// The 6n+2 layer networks of He et al. 2016 sec. 4.2.
void assemble_resnet(NetworkBuilder& net, int depth, Shortcut shortcut) {
    int at = net.conv(0, "conv1", {.channels = 16});
    at = net.relu(net.batch_norm(at, "bn1"));
    const int blocks = (depth - 2) / 6;
    for (int stage = 1; stage <= 3; ++stage) {
        for (int block = 0; block < blocks; ++block) {
            const std::string path = cat("layer", stage, ".", block, ".");
            const int stride = stage > 1 && block == 0 ? 2 : 1;
            at = basic_block(net, at, path, std::int64_t{8} << stage, stride, shortcut);
        }
    }
    net.linear(net.flatten(net.avg_pool(at, 8)), "linear", net.classes());
}

// Li et al. 2018 sec. 3: the VGG of Simonyan & Zisserman 2015 with seven convolutions and two linear layers.
void assemble_vgg9(NetworkBuilder& net) {
    constexpr int pool = 0;
    int at = 0;
    int index = 0;  // in PyTorch's Sequential, where ReLU and pooling take a number too
    for (const int entry : {64, 64, pool, 128, 128, pool, 256, 256, 256, pool}) {
        if (entry == pool) {
            at = net.max_pool(at, 2);
            index += 1;
        } else {
            at = net.conv(at, cat("features.", index), {.channels = entry, .bias = true});
            at = net.relu(net.batch_norm(at, cat("features.", index + 1)));
            index += 3;
        }
    }
    at = net.linear(net.flatten(at), "fc.0", 256);
    at = net.relu(net.batch_norm(at, "fc.1"));
    net.linear(at, "classifier", net.classes());
}

void assemble_mlp(NetworkBuilder& net) {
    int at = net.flatten(0);
    at = net.relu(net.linear(at, "fc1", 256));
    at = net.relu(net.linear(at, "fc2", 128));
    net.linear(at, "fc3", net.classes());
}

struct Architecture {
    std::string name;
    std::function<void(NetworkBuilder&)> assemble;
};

std::vector<Architecture> make_architectures() {
    std::vector<Architecture> table;
    for (const int depth : {20, 32, 44, 56, 110}) {
        table.push_back({cat("resnet", depth), [depth](NetworkBuilder& net) { assemble_resnet(net, depth, Shortcut::projection); }});
        table.push_back({cat("resnet", depth, "_noshort"), [depth](NetworkBuilder& net) { assemble_resnet(net, depth, Shortcut::none); }});
    }
    table.push_back({"vgg9", assemble_vgg9});
    table.push_back({"mlp", assemble_mlp});
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

}  // namespace

const std::vector<std::string>& known_architectures() {
    static const std::vector<std::string> names = collect_names();
    return names;
}

Network build_network(const std::string& architecture, int channels, int classes) {
    const auto& table = architectures();
    const auto found = std::find_if(table.begin(), table.end(), [&](const Architecture& entry) { return entry.name == architecture; });
    if (found == table.end()) {
        const std::string guess = nearest(architecture, known_architectures());
        throw Error(ExitCode::config,
                    cat("model.architecture: there is no '", architecture, "'", guess.empty() ? "" : cat("; did you mean ", guess, "?"),
                        " (known: ", join(known_architectures()), ")"));
    }
    NetworkBuilder net(architecture, channels, classes);
    found->assemble(net);
    return std::move(net).finish();
}

}  // namespace orograph::model
