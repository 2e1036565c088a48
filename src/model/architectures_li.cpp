#include "architectures.hpp"

#include "orograph/core/text.hpp"

namespace orograph::model {
namespace {

enum class Shortcut { projection, zeros, none };
enum class Block { basic, bottleneck };

// Every `stride`-th pixel of the block's input, with channels of zeros on both sides: option A has no parameters.
int padded_branch(NetworkBuilder& net, int from, std::int64_t channels, int stride) {
    const std::int64_t missing = channels - net.channels_of(from);
    return net.pad_channels(net.max_pool(from, {.kernel = 1, .stride = stride}), missing / 2, missing - missing / 2);
}

// The block's input where its shape stays, else option A or B of He et al. 2016 sec. 3.3; B is a 1x1 convolution with BN.
int shortcut_branch(NetworkBuilder& net, int from, const std::string& path, std::int64_t channels, int stride, Shortcut shortcut) {
    if (stride == 1 && net.channels_of(from) == channels) return from;
    if (shortcut == Shortcut::zeros) return padded_branch(net, from, channels, stride);
    const int side = net.conv(from, path + "shortcut.0", {.channels = channels, .kernel = 1, .stride = stride, .padding = 0});
    return net.batch_norm(side, path + "shortcut.1");
}

// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)) (He et al. 2016 fig. 2). Without a shortcut only the addition goes.
int basic_block(NetworkBuilder& net, int from, const std::string& path, std::int64_t planes, int stride, Shortcut shortcut) {
    int main = net.conv(from, path + "conv1", {.channels = planes, .stride = stride});
    main = net.relu(net.batch_norm(main, path + "bn1"));
    main = net.conv(main, path + "conv2", {.channels = planes});
    main = net.batch_norm(main, path + "bn2");
    if (shortcut == Shortcut::none) return net.relu(main);
    return net.relu(net.add(main, shortcut_branch(net, from, path, planes, stride, shortcut)));
}

// 1x1 to `planes` channels, 3x3 with the stride, 1x1 to four times as many (He et al. 2016 fig. 5; the stride is in Li et al.'s program not
// in the first convolution). In that program the last ReLU goes together with the shortcut, unlike in the basic block.
int bottleneck_block(NetworkBuilder& net, int from, const std::string& path, std::int64_t planes, int stride, Shortcut shortcut) {
    int main = net.conv(from, path + "conv1", {.channels = planes, .kernel = 1, .padding = 0});
    main = net.relu(net.batch_norm(main, path + "bn1"));
    main = net.conv(main, path + "conv2", {.channels = planes, .stride = stride});
    main = net.relu(net.batch_norm(main, path + "bn2"));
    main = net.conv(main, path + "conv3", {.channels = 4 * planes, .kernel = 1, .padding = 0});
    main = net.batch_norm(main, path + "bn3");
    if (shortcut == Shortcut::none) return main;
    return net.relu(net.add(main, shortcut_branch(net, from, path, 4 * planes, stride, shortcut)));
}

struct ResNet {
    std::vector<int> blocks;     // of each stage; from one to the next the image halves and the channels double
    std::int64_t channels = 16;  // of the first convolution, and planes of the first stage
    Block block = Block::basic;
};

void assemble_resnet(NetworkBuilder& net, const ResNet& form, Shortcut shortcut) {
    const auto append = form.block == Block::basic ? basic_block : bottleneck_block;
    int at = net.conv(0, "conv1", {.channels = form.channels});
    at = net.relu(net.batch_norm(at, "bn1"));
    for (std::size_t stage = 0; stage < form.blocks.size(); ++stage) {
        for (int block = 0; block < form.blocks[stage]; ++block) {
            const std::string path = cat("layer", stage + 1, ".", block, ".");
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            at = append(net, at, path, form.channels << stage, stride, shortcut);
        }
    }
    net.linear(net.flatten(net.avg_pool(at, 32 >> (form.blocks.size() - 1))), "linear", net.classes());
}

// The 6n+2 layer networks of He et al. 2016 sec. 4.2, `width` times as wide (Li et al. 2018 sec. 5; in their program the first convolution
// is widened too).
ResNet thin_resnet(int depth, int width) {
    return {.blocks = std::vector<int>(3, (depth - 2) / 6), .channels = 16 * width};
}

// The networks of He et al. 2016 table 1, with a first convolution of 3x3 and no pooling after it.
ResNet imagenet_resnet(const std::vector<int>& blocks, Block block) {
    return {.blocks = blocks, .channels = 64, .block = block};
}

// Li et al. 2018 sec. 3: the VGG of Simonyan & Zisserman 2015 with seven convolutions and two linear layers.
void assemble_vgg9(NetworkBuilder& net) {
    constexpr int pool = 0;
    int at = 0;
    int index = 0;  // in PyTorch's Sequential, where ReLU and pooling take a number too
    for (const int entry : {64, 64, pool, 128, 128, pool, 256, 256, 256, pool}) {
        if (entry == pool) {
            at = net.max_pool(at, {.ceil_mode = true});
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

// A layer of a dense block adds `growth` channels before those that it reads (Huang et al. 2017 sec. 3, DenseNet-B; Li et al.'s program
// puts the new channels first).
int dense_layer(NetworkBuilder& net, int from, const std::string& path, std::int64_t growth) {
    int main = net.relu(net.batch_norm(from, path + "bn1"));
    main = net.conv(main, path + "conv1", {.channels = 4 * growth, .kernel = 1, .padding = 0});
    main = net.relu(net.batch_norm(main, path + "bn2"));
    main = net.conv(main, path + "conv2", {.channels = growth});
    return net.concat({main, from});
}

// Halves the channels and the image.
int dense_transition(NetworkBuilder& net, int from, const std::string& path) {
    int at = net.relu(net.batch_norm(from, path + "bn"));
    at = net.conv(at, path + "conv", {.channels = net.channels_of(at) / 2, .kernel = 1, .padding = 0});
    return net.avg_pool(at, 2);
}

// Huang et al. 2017 table 1, DenseNet-121 (BC, k = 32), with a first convolution of 3x3 and no pooling after it.
void assemble_densenet121(NetworkBuilder& net) {
    constexpr std::int64_t growth = 32;
    int at = net.conv(0, "conv1", {.channels = 2 * growth});
    int block = 1;
    for (const int layers : {6, 12, 24, 16}) {
        if (block > 1) at = dense_transition(net, at, cat("trans", block - 1, "."));
        for (int layer = 0; layer < layers; ++layer) at = dense_layer(net, at, cat("dense", block, ".", layer, "."), growth);
        ++block;
    }
    at = net.avg_pool(net.relu(net.batch_norm(at, "bn")), 4);
    net.linear(net.flatten(at), "linear", net.classes());
}

constexpr const char* own_paper = "Li et al. 2018";
constexpr const char* resnet_papers = "He et al. 2016; Li et al. 2018";

void add_without_shortcuts(std::vector<Architecture>& table, const std::string& name, const ResNet& form) {
    table.push_back({name + "_noshort", own_paper, [form](NetworkBuilder& net) { assemble_resnet(net, form, Shortcut::none); }});
}

// Their tensors' names are those of the projecting ones, as in the programs whose checkpoints are about.
void add_option_a(std::vector<Architecture>& table, int depth) {
    table.push_back({cat("resnet", depth, "_a"), "He et al. 2016, shortcuts of option A",
                     [depth](NetworkBuilder& net) { assemble_resnet(net, thin_resnet(depth, 1), Shortcut::zeros); }});
}

void add_resnet(std::vector<Architecture>& table, const std::string& name, const char* paper, const ResNet& form) {
    table.push_back({name, paper, [form](NetworkBuilder& net) { assemble_resnet(net, form, Shortcut::projection); }});
    add_without_shortcuts(table, name, form);
}

}  // namespace

std::vector<Architecture> li_architectures() {
    std::vector<Architecture> table;
    for (const int depth : {20, 32, 44, 56, 110}) {
        add_resnet(table, cat("resnet", depth), resnet_papers, thin_resnet(depth, 1));
        add_option_a(table, depth);
    }
    add_without_shortcuts(table, "resnet50_16", thin_resnet(50, 1));
    for (const int width : {2, 4, 8}) add_resnet(table, cat("wrn56_", width), own_paper, thin_resnet(56, width));
    for (const int width : {2, 4}) add_resnet(table, cat("wrn110_", width), own_paper, thin_resnet(110, width));
    add_resnet(table, "resnet18", resnet_papers, imagenet_resnet({2, 2, 2, 2}, Block::basic));
    add_resnet(table, "resnet34", resnet_papers, imagenet_resnet({3, 4, 6, 3}, Block::basic));
    add_resnet(table, "resnet50", resnet_papers, imagenet_resnet({3, 4, 6, 3}, Block::bottleneck));
    add_resnet(table, "resnet101", resnet_papers, imagenet_resnet({3, 4, 23, 3}, Block::bottleneck));
    add_resnet(table, "resnet152", resnet_papers, imagenet_resnet({3, 8, 36, 3}, Block::bottleneck));
    table.push_back({"vgg9", own_paper, assemble_vgg9});
    table.push_back({"densenet121", "Huang et al. 2017; Li et al. 2018", assemble_densenet121});
    return table;
}

}  // namespace orograph::model
