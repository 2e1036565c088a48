#pragma once

#include "orograph/model/network.hpp"

namespace orograph::evaluate {

struct Window {
    int kernel = 3, stride = 1, padding = 1;
    bool ceil_mode = false;
};

// Draws small networks with the operations that a test wants: images of any size, names and tensors made up.
class Sketch {
public:
    Sketch(std::int64_t channels, std::int64_t height, std::int64_t width) {
        network_.architecture = "sketch";
        network_.channels = static_cast<int>(channels);
        network_.ops.push_back({.kind = model::OpKind::input, .shape = {channels, height, width}});
    }

    int conv(int from, std::int64_t channels, const Window& window = {}, int groups = 1, bool bias = false) {
        model::Op op = windowed(model::OpKind::conv2d, from, window);
        op.name = next_name("conv");
        op.weight = add_parameter(op.name + ".weight", {channels, shape(from)[0] / groups, window.kernel, window.kernel});
        if (bias) op.bias = add_parameter(op.name + ".bias", {channels});
        op.shape[0] = channels;
        op.groups = groups;
        return append(op);
    }

    int linear(int from, std::int64_t outputs) {
        model::Op op{.kind = model::OpKind::linear, .name = next_name("fc"), .inputs = {from}, .shape = {outputs, 1, 1}};
        op.weight = add_parameter(op.name + ".weight", {outputs, shape(from)[0]});
        op.bias = add_parameter(op.name + ".bias", {outputs});
        return append(op);
    }

    enum class Affine { yes, no };
    int batch_norm(int from, Affine affine = Affine::yes) {
        model::Op op{.kind = model::OpKind::batch_norm, .name = next_name("bn"), .inputs = {from}, .shape = shape(from)};
        if (affine == Affine::yes) {
            op.weight = add_parameter(op.name + ".weight", {op.shape[0]});
            op.bias = add_parameter(op.name + ".bias", {op.shape[0]});
        }
        op.running_mean = add(network_.space.states, op.name + ".running_mean", {op.shape[0]});
        op.running_var = add(network_.space.states, op.name + ".running_var", {op.shape[0]});
        return append(op);
    }

    int relu(int from) { return append({.kind = model::OpKind::relu, .inputs = {from}, .shape = shape(from)}); }
    int dropout(int from) { return append({.kind = model::OpKind::dropout, .inputs = {from}, .shape = shape(from), .probability = 0.5}); }
    int add(int first, int second) { return append({.kind = model::OpKind::add, .inputs = {first, second}, .shape = shape(first)}); }
    int max_pool(int from, const Window& window) { return append(windowed(model::OpKind::max_pool, from, window)); }
    int avg_pool(int from, const Window& window) { return append(windowed(model::OpKind::avg_pool, from, window)); }

    int flatten(int from) {
        const auto [channels, height, width] = shape(from);
        return append({.kind = model::OpKind::flatten, .inputs = {from}, .shape = {channels * height * width, 1, 1}});
    }

    int concat(const std::vector<int>& parts) {
        model::Op op{.kind = model::OpKind::concat, .inputs = parts, .shape = shape(parts.front())};
        op.shape[0] = 0;
        for (const int part : parts) op.shape[0] += shape(part)[0];
        return append(op);
    }

    int pad_channels(int from, std::int64_t before, std::int64_t behind) {
        model::Op op{.kind = model::OpKind::pad_channels, .inputs = {from}, .shape = shape(from), .zeros = {before, behind}};
        op.shape[0] += before + behind;
        return append(op);
    }

    // The last operation gives the logits.
    model::Network finish() {
        const auto [channels, height, width] = network_.ops.back().shape;
        network_.classes = static_cast<int>(channels * height * width);
        return network_;
    }

private:
    const std::array<std::int64_t, 3>& shape(int op) const { return network_.ops[static_cast<std::size_t>(op)].shape; }

    model::Op windowed(model::OpKind kind, int from, const Window& window) const {
        const auto places = [&](std::int64_t size) {
            const std::int64_t rounding = window.ceil_mode ? window.stride - 1 : 0;
            return (size + 2 * window.padding - window.kernel + rounding) / window.stride + 1;
        };
        const auto [channels, height, width] = shape(from);
        model::Op op{.kind = kind, .inputs = {from}, .shape = {channels, places(height), places(width)}};
        op.kernel = window.kernel;
        op.stride = window.stride;
        op.padding = window.padding;
        op.ceil_mode = window.ceil_mode;
        return op;
    }

    int append(const model::Op& op) {
        network_.ops.push_back(op);
        return static_cast<int>(network_.ops.size()) - 1;
    }

    std::string next_name(const char* kind) { return kind + std::to_string(network_.ops.size()); }
    int add_parameter(const std::string& name, const std::vector<std::int64_t>& shape) {
        return add(network_.space.parameters, name, shape);
    }

    static int add(std::vector<model::TensorSpec>& specs, const std::string& name, const std::vector<std::int64_t>& shape) {
        std::int64_t count = 1;
        for (const std::int64_t size : shape) count *= size;
        specs.push_back({name, shape, specs.empty() ? 0 : specs.back().offset + specs.back().count, count});
        return static_cast<int>(specs.size()) - 1;
    }

    model::Network network_;
};

// Networks that between them have every operation in every place: odd sizes, channels that fill no vector, values that several read.
namespace sketches {

inline model::Network preactivated() {  // a residual stream that batch norm, ReLU and additions read
    Sketch net(3, 9, 7);
    int stream = net.conv(0, 12);
    for (int block = 0; block < 2; ++block) {
        const int main = net.conv(net.relu(net.batch_norm(stream)), 12, {}, 1, /*bias=*/true);
        stream = net.add(net.conv(net.relu(net.batch_norm(main)), 12, {.kernel = 1, .padding = 0}), stream);
    }
    const int pooled = net.avg_pool(net.relu(net.batch_norm(stream)), {.kernel = 3, .stride = 2, .padding = 0});
    net.linear(net.flatten(pooled), 5);
    return net.finish();
}

inline model::Network densely_connected(std::int64_t growth) {
    Sketch net(1, 10, 6);
    std::vector<int> parts{net.conv(0, 2 * growth)};
    for (int layer = 0; layer < 3; ++layer) {
        const int all = parts.size() == 1 ? parts.front() : net.concat(parts);
        parts.push_back(net.conv(net.relu(net.batch_norm(all)), growth));
    }
    const int transition = net.conv(net.relu(net.batch_norm(net.concat(parts))), growth, {.kernel = 1, .padding = 0});
    net.linear(net.flatten(net.avg_pool(transition, {.kernel = 2, .stride = 2, .padding = 0})), 4);
    return net.finish();
}

inline model::Network inception() {  // a concatenation that convolutions and pools read whole, and the images among its parts
    Sketch net(3, 8, 8);
    const int first = net.relu(net.conv(0, 5, {.kernel = 5, .padding = 2}));
    const int second = net.max_pool(net.conv(0, 7), {.kernel = 3, .stride = 1, .padding = 1});
    const int all = net.concat({first, second, 0});
    const int conv = net.conv(all, 16, {.stride = 2});
    const int pooled = net.max_pool(all, {.kernel = 2, .stride = 2, .padding = 0});
    net.linear(net.flatten(net.concat({pooled, net.relu(conv)})), 6);
    return net.finish();
}

inline model::Network grouped() {
    Sketch net(6, 9, 9);
    int at = net.relu(net.batch_norm(net.conv(0, 12, {}, 3)));                            // 2 -> 4 channels a group
    at = net.relu(net.conv(at, 12, {.kernel = 3, .stride = 2, .padding = 1}, 12, true));  // depthwise
    at = net.relu(net.batch_norm(net.conv(at, 32, {.kernel = 1, .padding = 0})));
    at = net.add(net.batch_norm(net.conv(at, 32, {}, 8)), at);                      // 4 -> 4, added to what it reads
    at = net.relu(net.conv(at, 64, {}, 32));                                        // 1 -> 2
    at = net.conv(at, 64, {}, 4);                                                   // 16 -> 16
    at = net.relu(net.conv(at, 64, {.kernel = 5, .stride = 1, .padding = 2}, 64));  // depthwise, whole vectors
    net.linear(net.flatten(net.avg_pool(at, {.kernel = 5, .stride = 1, .padding = 0})), 3);
    return net.finish();
}

inline model::Network shared_terms() {  // sums whose terms others read, the images among them; ReLUs of shared values
    Sketch net(8, 6, 5);
    const int first = net.conv(0, 8), second = net.conv(first, 8);
    const int sum = net.relu(net.add(second, first));
    const int again = net.add(net.conv(sum, 8), first);
    const int with_images = net.add(net.conv(again, 8), 0);
    const int doubled = net.add(with_images, with_images);
    const int cut = net.relu(first);
    const int all = net.add(net.add(cut, doubled), net.add(sum, net.relu(net.max_pool(again, {}))));
    net.linear(net.flatten(all), 7);
    return net.finish();
}

inline model::Network batch_norms_everywhere() {
    Sketch net(3, 7, 7);
    int at = net.batch_norm(0);  // of the images
    at = net.batch_norm(net.batch_norm(net.conv(at, 10), Sketch::Affine::no));
    at = net.batch_norm(net.max_pool(net.relu(at), {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}));
    at = net.batch_norm(net.add(at, net.relu(at)));
    at = net.batch_norm(net.avg_pool(at, {.kernel = 3, .stride = 1, .padding = 1}), Sketch::Affine::no);
    net.linear(net.flatten(at), 5);
    return net.finish();
}

inline model::Network
padded() {  // channels of zeros in all places: as a shortcut in both orders, alone, before a batch norm, of the images
    Sketch net(3, 9, 7);
    const Window every_second{.kernel = 1, .stride = 2, .padding = 0};
    const int stem = net.relu(net.batch_norm(net.conv(0, 10)));
    const int main = net.batch_norm(net.conv(stem, 21, {.stride = 2}));
    const int first = net.relu(net.add(main, net.pad_channels(net.max_pool(stem, every_second), 5, 6)));
    const int second = net.batch_norm(net.conv(first, 37));
    const int sum = net.relu(net.add(net.pad_channels(first, 0, 16), second));
    const int images = net.relu(net.pad_channels(net.max_pool(0, every_second), 34, 0));
    const int joined = net.concat({net.pad_channels(net.concat({first, sum}), 16, 16), net.batch_norm(net.pad_channels(images, 3, 1))});
    net.linear(net.flatten(net.pad_channels(net.avg_pool(joined, {.kernel = 4, .stride = 4, .padding = 0}), 1, 2)), 5);
    return net.finish();
}

inline model::Network rows() {  // everything after flatten, where the order of the numbers shows
    Sketch net(2, 5, 5);
    const int images = net.flatten(net.relu(net.conv(0, 6)));
    const int normed = net.relu(net.batch_norm(images));
    const int hidden = net.relu(net.batch_norm(net.linear(net.dropout(normed), 150)));
    const int both = net.concat({net.add(hidden, images), net.linear(images, 9), normed});
    const int last = net.relu(net.add(net.linear(net.dropout(both), 11), net.linear(hidden, 11)));
    net.dropout(last);
    return net.finish();
}

inline model::Network no_linear_layer() {  // logits from an average over a 1x1 convolution
    Sketch net(3, 8, 8);
    int at = net.relu(net.conv(0, 20, {.kernel = 5, .padding = 0}));
    at = net.conv(at, 10, {.kernel = 1, .padding = 0}, 1, true);
    net.flatten(net.avg_pool(at, {.kernel = 4, .stride = 4, .padding = 0}));
    return net.finish();
}

}  // namespace sketches

}  // namespace orograph::evaluate
