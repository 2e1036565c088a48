// Images per second of the evaluators against a plain eager LibTorch loop: same weights, points and images, in one run. See README.md.
#include "orograph/evaluate/evaluator.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/model/forward.hpp"

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

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

struct Time {
    double wall_s = 0, cpu_s = 0;  // cpu: of all threads of this process, which other programs on the machine disturb less
};

Time now() {
    timespec cpu{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
            static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec)};
}

// Child process: one variant; prints the shortest times of a point, after a first one that warms up, and the loss.
int measure(const Work& work) {
    if (work.variant != "eager") tune_malloc();
    const at::NoGradGuard no_gradients;
    const Inputs inputs = make_inputs(work);
    const auto loss = make_loss(work, inputs);
    double sum = loss(inputs.points[0]);
    Time shortest{1e30, 1e30};
    for (const model::Weights& point : inputs.points) {
        const Time start = now();
        sum += loss(point);
        const Time end = now();
        shortest = {std::min(shortest.wall_s, end.wall_s - start.wall_s), std::min(shortest.cpu_s, end.cpu_s - start.cpu_s)};
    }
    std::printf("%.9g %.9g %.9g\n", shortest.wall_s, shortest.cpu_s, sum / static_cast<double>(work.images));
    return 0;
}

struct Measured {
    Time time;
    double loss = 0;
};

Measured run_child(const char* program, const Work& work) {
    const std::string command = cat(program, " ", work.variant, " ", work.architecture, " ", work.threads, " ", work.images);
    std::FILE* pipe = popen(command.c_str(), "r");
    Measured result;
    const int fields = pipe ? std::fscanf(pipe, "%lf %lf %lf", &result.time.wall_s, &result.time.cpu_s, &result.loss) : 0;
    const int status = pipe ? pclose(pipe) : -1;
    OROGRAPH_VALIDATE(fields == 3 && status == 0, ExitCode::internal, "the measurement '", command, "' failed");
    return result;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

struct Times {
    std::vector<double> wall_s, cpu_s;
    double loss = 0;
};

void print(const Work& work, const Times& times, const Times& eager) {
    const double wall_s = median(times.wall_s), cpu_s = median(times.cpu_s), images = static_cast<double>(work.images);
    const auto [shortest, longest] = std::ranges::minmax(times.wall_s);
    std::printf(
        "%-9s %d thread(s) %-12s %6.0f images/s (%4.2f x eager, spread %3.0f %%) %6.0f images/cpu-second (%4.2f x eager)  loss %.7g\n",
        work.architecture.c_str(), work.threads, work.variant.c_str(), images / wall_s, median(eager.wall_s) / wall_s,
        100 * (longest / shortest - 1), images / cpu_s, median(eager.cpu_s) / cpu_s, times.loss);
    std::fflush(stdout);
}

// Medians over rounds in which the variants take turns, so that a disturbance meets them alike.
void compare(const char* program, const std::string& architecture, int threads, std::int64_t images, int rounds) {
    const std::vector<std::string> variants{"eager", "eager-tuned", "reference", "compiled"};
    std::vector<Times> times(variants.size());
    for (int round = 0; round < rounds; ++round)
        for (std::size_t v = 0; v < variants.size(); ++v) {
            const Measured measured = run_child(program, {variants[v], architecture, threads, images});
            times[v].wall_s.push_back(measured.time.wall_s);
            times[v].cpu_s.push_back(measured.time.cpu_s);
            times[v].loss = measured.loss;
        }
    for (std::size_t v = 0; v < variants.size(); ++v) print({variants[v], architecture, threads, images}, times[v], times[0]);
}

}  // namespace

// bench_evaluator [ROUNDS]; with four arguments (VARIANT ARCHITECTURE THREADS IMAGES) one measurement.
int main(int argc, char** argv) {
    try {
        if (argc == 5) return measure({argv[1], argv[2], std::atoi(argv[3]), std::atoll(argv[4])});
        const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
        for (const int threads : {1, 2}) {
            compare(argv[0], "resnet20", threads, 512, rounds);
            compare(argv[0], "vgg9", threads, 256, rounds);
        }
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
