#include "schedule.hpp"

#include "orograph/core/fingerprint.hpp"
#include "orograph/core/text.hpp"

#include <algorithm>

namespace orograph::evaluate {

namespace {

constexpr std::int64_t cache_bytes = 384 * 1024;  // of a core's second level, for the activations that a step reads and writes
constexpr std::int64_t shared_cache_bytes = 8 << 20;

std::int64_t volume(const std::array<std::int64_t, 3>& shape) {
    return shape[0] * shape[1] * shape[2];
}

bool suits_winograd(const Step& step, int lanes) {
    return step.kind == StepKind::convolution && step.groups == 1 && step.kernel == 3 && step.stride == 1 && step.padding == 1 &&
           step.input[0] % lanes == 0 && step.output[0] % lanes == 0 && step.input[1] >= 2 && step.input[2] >= 2;
}

char letter(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::winograd:
            return 'w';
        case Algorithm::adapted:
            return 'a';
        case Algorithm::direct:
            break;
    }
    return 'd';
}

// Images that a step wants: as many as the cache holds, and enough positions of the window for each weight read.
std::int64_t wanted_images(const Plan& plan, const Step& step, Algorithm algorithm) {
    const auto size = static_cast<std::int64_t>(sizeof(float));
    const std::int64_t in_cache = cache_bytes / ((volume(step.input) + volume(step.output)) * size);
    if (step.layer < 0) return in_cache;
    const auto& shape = plan.layers[step.layer].shape;
    const bool winograd = algorithm == Algorithm::winograd;
    const std::int64_t weight_bytes = shape[0] * shape[1] * (winograd ? 36 : shape[2] * shape[3]) * size;
    const std::int64_t positions = step.output[1] * step.output[2] / (winograd ? 16 : 1);
    const std::int64_t wanted_positions = weight_bytes > shared_cache_bytes ? 96 : 24;
    return std::max(in_cache, (wanted_positions + positions) / (positions + 1));
}

// The largest divisor of `batch` up to `wanted`, at least 2: kernel libraries round a batch of 1 differently.
std::int64_t part_of(std::int64_t batch, std::int64_t wanted) {
    for (std::int64_t images = std::min(batch, wanted); images >= 2; --images)
        if (batch % images == 0) return images;
    return batch % 2 == 0 ? 2 : batch;
}

// Whether a step needs the statistics of a value that the steps from `first` on make.
bool waits_for(const Plan& plan, const Step& step, int first) {
    if (plan.statistics == Statistics::given || !is_batch_norm(step)) return false;
    return step.source >= first || std::ranges::any_of(step.others, [first](int value) { return value >= first; });
}

}  // namespace

std::vector<Algorithm> choose_algorithms(const Plan& plan, int lanes, Convolution wanted) {
    std::vector<Algorithm> algorithms;
    for (const Step& step : plan.steps) {
        const bool winograd = wanted == Convolution::automatic && lanes > 0 && suits_winograd(step, lanes);
        algorithms.push_back(winograd ? Algorithm::winograd : Algorithm::direct);
    }
    return algorithms;
}

std::string describe(const Plan& plan, const std::vector<Algorithm>& algorithms) {
    std::string choice;
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
        if (plan.steps[i].kind == StepKind::convolution) choice += letter(algorithms[i]);
    const auto winograd = std::ranges::count(choice, 'w');
    return cat(winograd, " winograd + ", std::ssize(choice) - winograd, " direct convolutions (",
               Fingerprint().add(choice).hex().substr(0, 8), ")");
}

std::vector<Segment> make_segments(const Plan& plan, const std::vector<Algorithm>& algorithms, std::int64_t batch) {
    std::vector<Segment> segments;
    std::int64_t wanted = 2;
    for (int i = 0; i < static_cast<int>(plan.steps.size()); ++i) {
        wanted = std::max(wanted, wanted_images(plan, plan.steps[i], algorithms[i]));
        const std::int64_t images = part_of(batch, wanted);
        if (segments.empty() || segments.back().images != images || waits_for(plan, plan.steps[i], segments.back().first))
            segments.push_back({i, i, images});
        segments.back().last = i + 1;
    }
    return segments;
}

}  // namespace orograph::evaluate
