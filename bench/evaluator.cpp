// Images per second of the evaluators against a plain eager LibTorch loop: same weights, points and images, in one run. See README.md.
#include "orograph/evaluate/evaluator.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace orograph;

struct Work {
    std::string variant;  // "eager", "eager-tuned", "reference", "compiled"
    std::string architecture;
    int threads = 1;
    std::int64_t images = 0;
};

struct Inputs {
    model::Network network;
    std::vector<model::Weights> points;
    data::Split split;
};

Inputs make_inputs(const Work& work) {
    at::manual_seed(1);
    Inputs inputs;
    inputs.network = model::build_network(work.architecture, 1, 10);
    const model::Weights centre = model::initial_weights(inputs.network, 1);
    for (int i = 0; i < 3; ++i) {
        model::Weights point = centre.clone();
        point.parameters.add_(at::randn_like(point.parameters), 0.01);
        inputs.points.push_back(point);
    }
    inputs.split.images = at::randn({work.images, 1, 32, 32});
    inputs.split.labels = at::randint(10, {work.images}, at::kLong);
    return inputs;
}

// What a user of LibTorch writes: set the weights, forward in NCHW, cross-entropy, one number out a batch.
double eager_loss(const Inputs& inputs, const model::Weights& model, const model::Weights& point) {
    constexpr std::int64_t batch = 128;
    model.parameters.copy_(point.parameters);
    const auto parameters = model::views(model.parameters, inputs.network.space.parameters);
    const auto states = model::views(model.states, inputs.network.space.states);
    double loss = 0;
    for (std::int64_t first = 0; first < inputs.split.size(); first += batch) {
        const std::int64_t count = std::min(batch, inputs.split.size() - first);
        const at::Tensor labels = inputs.split.labels.narrow(0, first, count);
        const at::Tensor logits = model::forward(inputs.network, parameters, states, inputs.split.images.narrow(0, first, count),
                                                 model::BatchNormMode::use_states);
        loss += at::cross_entropy_loss(logits, labels).item<double>() * static_cast<double>(count);
        logits.argmax(1).eq(labels).sum().item<std::int64_t>();
    }
    return loss;
}

double evaluator_loss(evaluate::Evaluator& evaluator, const model::Weights& point) {
    const CancelToken never;
    double loss = 0;
    for (const evaluate::BatchSum& sum : evaluator.evaluate(point, 0, never)) loss += sum.loss;
    return loss;
}

std::function<double(const model::Weights&)> make_loss(const Work& work, const Inputs& inputs) {
    if (work.variant.starts_with("eager")) {
        at::set_num_threads(work.threads);
        return [&inputs, model = inputs.points[0].clone()](const model::Weights& point) { return eager_loss(inputs, model, point); };
    }
    const auto kind = work.variant == "compiled" ? evaluate::Kind::compiled : evaluate::Kind::reference;
    std::shared_ptr<evaluate::Evaluator> evaluator = evaluate::make_evaluator(inputs.network, {.kind = kind, .threads = work.threads});
    evaluator->add_split(inputs.split);
    return [evaluator](const model::Weights& point) { return evaluator_loss(*evaluator, point); };
}

// Child process: one variant; prints seconds per point (the shortest, after a first point that warms up) and the loss.
int measure(const Work& work) {
    if (work.variant != "eager") tune_malloc();
    const at::NoGradGuard no_gradients;
    const Inputs inputs = make_inputs(work);
    const auto loss = make_loss(work, inputs);
    double sum = loss(inputs.points[0]), shortest_s = 1e30;
    for (const model::Weights& point : inputs.points) {
        const auto start = std::chrono::steady_clock::now();
        sum += loss(point);
        shortest_s = std::min(shortest_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("%.9g %.9g\n", shortest_s, sum / static_cast<double>(work.images));
    return 0;
}

struct Measured {
    double seconds = 0, loss = 0;
};

Measured run_child(const char* program, const Work& work) {
    const std::string command = cat(program, " ", work.variant, " ", work.architecture, " ", work.threads, " ", work.images);
    std::FILE* pipe = popen(command.c_str(), "r");
    Measured result;
    const int fields = pipe ? std::fscanf(pipe, "%lf %lf", &result.seconds, &result.loss) : 0;
    const int status = pipe ? pclose(pipe) : -1;
    OROGRAPH_VALIDATE(fields == 2 && status == 0, ExitCode::internal, "the measurement '", command, "' failed");
    return result;
}

// Median over rounds in which the variants take turns, so that a disturbance meets them alike.
void compare(const char* program, const std::string& architecture, int threads, std::int64_t images, int rounds) {
    const std::vector<std::string> variants{"eager", "eager-tuned", "reference", "compiled"};
    std::vector<std::vector<double>> seconds(variants.size());
    std::vector<double> losses(variants.size());
    for (int round = 0; round < rounds; ++round)
        for (std::size_t v = 0; v < variants.size(); ++v) {
            const Measured measured = run_child(program, {variants[v], architecture, threads, images});
            seconds[v].push_back(measured.seconds);
            losses[v] = measured.loss;
        }
    for (auto& values : seconds) std::ranges::sort(values);
    for (std::size_t v = 0; v < variants.size(); ++v) {
        const double median = seconds[v][seconds[v].size() / 2], plain = seconds[0][seconds[0].size() / 2];
        std::printf("%-10s %d thread(s)  %-12s %8.0f images/s  %8.3f s a point of %ld images  %5.2f x eager  (spread %.0f %%, loss %.7g)\n",
                    architecture.c_str(), threads, variants[v].c_str(), static_cast<double>(images) / median, median,
                    static_cast<long>(images), plain / median, 100 * (seconds[v].back() / seconds[v].front() - 1), losses[v]);
        std::fflush(stdout);
    }
}

}  // namespace

// bench_evaluator [ROUNDS]; with four arguments (VARIANT ARCHITECTURE THREADS IMAGES) one measurement.
int main(int argc, char** argv) {
    try {
        if (argc == 5) return measure({argv[1], argv[2], std::atoi(argv[3]), std::atoll(argv[4])});
        const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
        for (const int threads : {1, 2}) {
            compare(argv[0], "resnet20", threads, 1024, rounds);
            compare(argv[0], "vgg9", threads, 256, rounds);
        }
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
