// What this machine can do, for compare.py: "bench_peak THREADS" prints the rates of oneDNN's fp32 matrix product and of its direct
// convolution at the shape that suits it best, in GFLOP/s summed over threads that each compute on their own. See README.md.
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto f32 = memory::data_type::f32;

// A kernel ready to be called, and the floating-point operations of a call.
struct Kernel {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
    double operations = 0;
};

memory filled(const memory::desc& description, const dnnl::engine& engine) {
    memory result(description, engine);
    std::fill_n(static_cast<float*>(result.get_data_handle()), description.get_size() / sizeof(float), 0.01F);
    return result;
}

Kernel make_product(const dnnl::engine& engine) {
    constexpr int size = 1536;
    const memory::desc square({size, size}, f32, Tag::ab);
    const dnnl::matmul::primitive_desc description({square, square, square}, engine);
    return {dnnl::matmul(description),
            {{DNNL_ARG_SRC, filled(square, engine)}, {DNNL_ARG_WEIGHTS, filled(square, engine)}, {DNNL_ARG_DST, filled(square, engine)}},
            2.0 * size * size * size};
}

// 3x3, 64 to 64 channels on 16x16, with bias and ReLU: the activations of 4 images lie in a core's second level of cache.
Kernel make_convolution(const dnnl::engine& engine) {
    constexpr int images = 4, channels = 64, side = 16, window = 3;
    const memory::desc values({images, channels, side, side}, f32, Tag::any), weights({channels, channels, window, window}, f32, Tag::any);
    const memory::desc bias({channels}, f32, Tag::x);
    dnnl::post_ops relu;
    relu.append_eltwise(1.F, dnnl::algorithm::eltwise_relu, 0.F, 0.F);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(relu);
    const dnnl::convolution_forward::desc operation(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, values,
                                                    weights, bias, values, {1, 1}, {1, 1}, {1, 1});
    const dnnl::convolution_forward::primitive_desc description(operation, attributes, engine);
    // Windows on the padding are not computed: 46 of 48 columns, and likewise rows, take part.
    constexpr double positions = (window * side - 2.0) * (window * side - 2.0);
    return {dnnl::convolution_forward(description),
            {{DNNL_ARG_SRC, filled(description.src_desc(), engine)},
             {DNNL_ARG_WEIGHTS, filled(description.weights_desc(), engine)},
             {DNNL_ARG_BIAS, filled(bias, engine)},
             {DNNL_ARG_DST, filled(description.dst_desc(), engine)}},
            2.0 * images * channels * channels * positions};
}

using Clock = std::chrono::steady_clock;

// The best of windows of 50 ms during about 0.6 s, so that other programs disturb little.
double rate_of(const std::function<Kernel(const dnnl::engine&)>& make, std::atomic<int>& ready, int threads) {
    omp_set_num_threads(1);
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    const Kernel kernel = make(engine);
    kernel.primitive.execute(stream, kernel.arguments);
    ready.fetch_add(1);
    while (ready.load() < threads) std::this_thread::yield();
    double best = 0;
    for (int window = 0; window < 12; ++window) {
        const auto start = Clock::now();
        double operations = 0;
        std::chrono::duration<double> spent{};
        while (spent.count() < 0.05) {
            kernel.primitive.execute(stream, kernel.arguments);
            operations += kernel.operations;
            spent = Clock::now() - start;
        }
        best = std::max(best, operations / spent.count());
    }
    return best;
}

double total_rate(const std::function<Kernel(const dnnl::engine&)>& make, int threads) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    std::atomic<int> ready{0};
    std::vector<std::thread> workers;
    for (double& rate : rates) workers.emplace_back([&] { rate = rate_of(make, ready, threads); });
    for (std::thread& worker : workers) worker.join();
    double sum = 0;
    for (const double rate : rates) sum += rate;
    return sum;
}

}  // namespace

int main(int argc, char** argv) {
    const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
    if (threads < 1) {
        std::fprintf(stderr, "usage: bench_peak THREADS\n");
        return 64;
    }
    std::printf("{\"gemm\": %.1f, \"convolution\": %.1f}\n", total_rate(make_product, threads) * 1e-9,
                total_rate(make_convolution, threads) * 1e-9);
}
