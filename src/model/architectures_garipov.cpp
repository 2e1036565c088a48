#include "architectures.hpp"

#include "orograph/core/text.hpp"

#include <utility>

namespace orograph::model {
namespace {

// Simonyan & Zisserman 2015, configurations D and E, on 32x32 images with linear layers of 512. Garipov et al.'s program ran only 8 of
// VGG16BN's 13 convolutions (and 10 of VGG19BN's 16): these are all of them.
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
        at = net.max_pool(at, {});
        ++block;
    }
    at = net.relu(net.linear(net.dropout(net.flatten(at), 0.5), "classifier.1", 512));
    at = net.relu(net.linear(net.dropout(at, 0.5), "classifier.4", 512));
    net.linear(at, "classifier.6", net.classes());
}

// The bottleneck of He et al. 2016b fig. 4e: BN and ReLU before each convolution, nothing after the addition. Where the shape changes the
// block's untouched input goes through a 1x1 convolution without BN.
int preactivated_bottleneck(NetworkBuilder& net, int from, const std::string& path, std::int64_t planes, int stride) {
    int main = net.relu(net.batch_norm(from, path + "bn1"));
    main = net.conv(main, path + "conv1", {.channels = planes, .kernel = 1, .padding = 0});
    main = net.relu(net.batch_norm(main, path + "bn2"));
    main = net.conv(main, path + "conv2", {.channels = planes, .stride = stride});
    main = net.relu(net.batch_norm(main, path + "bn3"));
    main = net.conv(main, path + "conv3", {.channels = 4 * planes, .kernel = 1, .padding = 0});
    if (stride == 1 && net.channels_of(from) == 4 * planes) return net.add(main, from);
    return net.add(main, net.conv(from, path + "downsample.0", {.channels = 4 * planes, .kernel = 1, .stride = stride, .padding = 0}));
}

// The 9n+2 layer networks of He et al. 2016b sec. 3.
void assemble_preresnet(NetworkBuilder& net, int depth) {
    int at = net.conv(0, "conv1", {.channels = 16});
    for (int stage = 0; stage < 3; ++stage) {
        for (int block = 0; block < (depth - 2) / 9; ++block) {
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            at = preactivated_bottleneck(net, at, cat("layer", stage + 1, ".", block, "."), 16 << stage, stride);
        }
    }
    at = net.avg_pool(net.relu(net.batch_norm(at, "bn")), 8);
    net.linear(net.flatten(at), "fc", net.classes());
}

// Zagoruyko & Komodakis 2016 fig. 1d; as in Garipov et al.'s program the convolutions have biases, the second one has the stride, and
// the dropout between them has probability 0: it is left out.
int wide_block(NetworkBuilder& net, int from, const std::string& path, std::int64_t planes, int stride) {
    int main = net.relu(net.batch_norm(from, path + "bn1"));
    main = net.conv(main, path + "conv1", {.channels = planes, .bias = true});
    main = net.relu(net.batch_norm(main, path + "bn2"));
    main = net.conv(main, path + "conv2", {.channels = planes, .stride = stride, .bias = true});
    if (stride == 1 && net.channels_of(from) == planes) return net.add(main, from);
    const ConvOptions projection{.channels = planes, .kernel = 1, .stride = stride, .padding = 0, .bias = true};
    return net.add(main, net.conv(from, path + "shortcut.0", projection));
}

// WRN-28-10: 6n+4 layers with n = 4, ten times as wide.
void assemble_wrn28_10(NetworkBuilder& net) {
    int at = net.conv(0, "conv1", {.channels = 16, .bias = true});
    for (int stage = 0; stage < 3; ++stage) {
        for (int block = 0; block < 4; ++block) {
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            at = wide_block(net, at, cat("layer", stage + 1, ".", block, "."), 160 << stage, stride);
        }
    }
    constexpr double momentum = 0.9;  // Garipov et al.'s program, for this one alone
    at = net.avg_pool(net.relu(net.batch_norm(at, "bn1", momentum)), 8);
    net.linear(net.flatten(at), "linear", net.classes());
}

// Garipov et al. 2018 sec. A.2: three convolutions and three linear layers. The paper leaves kernels and widths open; they and the names
// are those of the authors' program, where the same layers on a curve are called conv1 to conv3 and fc4 to fc6.
void assemble_convfc(NetworkBuilder& net) {
    int at = 0, index = 0;
    for (const std::int64_t channels : {32, 64, 128}) {
        at = net.conv(at, cat("conv_part.", index), {.channels = channels, .kernel = 5, .padding = 2, .bias = true});
        at = net.max_pool(net.relu(at), {.kernel = 3, .stride = 2});
        index += 3;  // in PyTorch's Sequential, where ReLU and pooling take a number too
    }
    at = net.relu(net.linear(net.flatten(at), "fc_part.0", 1000));
    at = net.relu(net.linear(at, "fc_part.2", 1000));
    net.linear(at, "fc_part.4", net.classes());
}

}  // namespace

std::vector<Architecture> garipov_architectures() {
    std::vector<Architecture> table;
    for (const int depth : {16, 19}) {
        for (const bool has_batch_norm : {false, true}) {
            table.push_back({cat("vgg", depth, has_batch_norm ? "bn" : ""), "Simonyan & Zisserman 2015; Garipov et al. 2018",
                             [=](NetworkBuilder& net) { assemble_vgg(net, depth, has_batch_norm); }});
        }
    }
    for (const int depth : {110, 164}) {
        table.push_back({cat("preresnet", depth), "He et al. 2016b; Garipov et al. 2018",
                         [depth](NetworkBuilder& net) { assemble_preresnet(net, depth); }});
    }
    table.push_back({"wrn28_10", "Zagoruyko & Komodakis 2016; Garipov et al. 2018", assemble_wrn28_10});
    table.push_back({"convfc", "Garipov et al. 2018", assemble_convfc});
    return table;
}

}  // namespace orograph::model
