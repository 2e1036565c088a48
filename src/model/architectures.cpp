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

struct ResNet {
    std::vector<int> blocks;     // of each stage; from one to the next the image halves and the channels double
    std::int64_t channels = 16;  // of the first convolution and the first stage
};

void assemble_resnet(NetworkBuilder& net, const ResNet& form, Shortcut shortcut) {
    int at = net.conv(0, "conv1", {.channels = form.channels});
    at = net.relu(net.batch_norm(at, "bn1"));
    for (std::size_t stage = 0; stage < form.blocks.size(); ++stage) {
        for (int block = 0; block < form.blocks[stage]; ++block) {
            const std::string path = cat("layer", stage + 1, ".", block, ".");
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            at = basic_block(net, at, path, form.channels << stage, stride, shortcut);
        }
    }
    net.linear(net.flatten(net.avg_pool(at, 32 >> (form.blocks.size() - 1))), "linear", net.classes());
}

// The 6n+2 layer networks of He et al. 2016 sec. 4.2, `width` times as wide (Li et al. 2018 sec. 5; in their program the first convolution
// is widened too).
ResNet thin_resnet(int depth, int width) {
    return {.blocks = std::vector<int>(3, (depth - 2) / 6), .channels = 16 * width};
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

// Simonyan & Zisserman 2015, configurations D and E, on 32x32 images with linear layers of 512, as Garipov et al. 2018 name its tensors.
// Their program ran only 8 of VGG16BN's 13 convolutions (and 10 of VGG19BN's 16): these are all of them. No dropout (see build_network()).
void assemble_vgg(NetworkBuilder& net, int depth, bool has_batch_norm) {
    const int last = depth == 16 ? 3 : 4;  // convolutions of each of the last three blocks
    const std::pair<int, std::int64_t> blocks[] = {{2, 64}, {2, 128}, {last, 256}, {last, 512}, {last, 512}};
    int at = 0, block = 0;
    for (const auto& [convolutions, channels] : blocks) {
        int layer = 0;
        for (int i = 0; i < convolutions; ++i) {
            at = net.conv(at, cat("layer_blocks.", block, ".", layer++), {.channels = channels, .bias = true});
            if (has_batch_norm) at = net.batch_norm(at, cat("layer_blocks.", block, ".", layer++));
            at = net.relu(at);
        }
        at = net.max_pool(at, 2);
        ++block;
    }
    at = net.relu(net.linear(net.flatten(at), "classifier.1", 512));
    at = net.relu(net.linear(at, "classifier.4", 512));
    net.linear(at, "classifier.6", net.classes());
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

void add_resnet(std::vector<Architecture>& table, const std::string& name, const ResNet& form) {
    table.push_back({name, [form](NetworkBuilder& net) { assemble_resnet(net, form, Shortcut::projection); }});
    table.push_back({name + "_noshort", [form](NetworkBuilder& net) { assemble_resnet(net, form, Shortcut::none); }});
}

std::vector<Architecture> make_architectures() {
    std::vector<Architecture> table;
    for (const int depth : {20, 32, 44, 56, 110}) add_resnet(table, cat("resnet", depth), thin_resnet(depth, 1));
    for (const int width : {2, 4, 8}) add_resnet(table, cat("wrn56_", width), thin_resnet(56, width));
    for (const int width : {2, 4}) add_resnet(table, cat("wrn110_", width), thin_resnet(110, width));
    // He et al. 2016 table 1, with a first convolution of 3x3 and no pooling after it.
    add_resnet(table, "resnet18", {.blocks = {2, 2, 2, 2}, .channels = 64});
    add_resnet(table, "resnet34", {.blocks = {3, 4, 6, 3}, .channels = 64});
    table.push_back({"vgg9", assemble_vgg9});
    for (const int depth : {16, 19}) {
        table.push_back({cat("vgg", depth), [depth](NetworkBuilder& net) { assemble_vgg(net, depth, false); }});
        table.push_back({cat("vgg", depth, "bn"), [depth](NetworkBuilder& net) { assemble_vgg(net, depth, true); }});
    }
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
