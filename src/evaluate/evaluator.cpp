#include "orograph/evaluate/evaluator.hpp"

#include "factories.hpp"
#include "plan.hpp"
#include "precision.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/error.hpp"
#include "orograph/gpu/device.hpp"
#include "orograph/model/exported.hpp"

#include <ATen/Context.h>

namespace orograph::evaluate {

namespace {

void check(const Options& options) {
    OROGRAPH_VALIDATE(options.threads >= 1, ExitCode::config, "an evaluator needs at least 1 thread, not ", options.threads,
                      "; set run.threads");
    OROGRAPH_VALIDATE(
        options.batch >= 0 && options.batch != 1, ExitCode::config, "a batch of ", options.batch,
        " images is not possible (kernel libraries round a batch of 1 differently); use 2 or more, or 0 for the evaluator's choice");
    OROGRAPH_VALIDATE(options.device.is_cpu() || options.device.is_cuda(), ExitCode::unavailable, "device ", options.device.str(),
                      " is not supported; use cpu or cuda");
    check_arithmetic(options, instruction_set());
}

// Products in IEEE float32: LibTorch's default for cuDNN's convolutions is TF32. Fixed algorithms, so that all ranks round alike.
void make_device_exact() {
    set_cuda_products(at::Float32Precision::IEEE);
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicCuDNN(true);
}

void prepare(at::Device device) {
    if (device.is_cpu()) return;
    gpu::require_device(device.has_index() ? device.index() : 0);
    OROGRAPH_VALIDATE(at::hasCUDA(), ExitCode::unavailable, "this LibTorch was built without CUDA; use run.device=cpu");
    make_device_exact();
}

}  // namespace

std::unique_ptr<Evaluator> make_evaluator(const model::Network& network, const Options& options) {
    check(options);
    prepare(options.device);
    if (options.kind == Kind::reference) return make_reference(network, options);
    OROGRAPH_VALIDATE(!network.graph, ExitCode::unavailable, "the compiled evaluator cannot run ", network.architecture,
                      ": it has no operation for ", why_not_compiled(network), "; use evaluate.evaluator=auto");
    return options.device.is_cpu() ? make_compiled_cpu(network, options) : make_compiled_cuda(network, options);
}

std::string describe_path(const model::Network& network, Kind kind) {
    if (kind == Kind::compiled) {
        const Plan plan = make_plan(network);
        return cat("compiled, ", plan.steps.size(), " fused steps: ", summary(plan));
    }
    const std::string misfit = why_not_compiled(network);
    if (network.graph) return cat("reference, its operators of ATen one by one; the compiled evaluator has none for ", misfit);
    return cat("reference, the plain network's ", network.ops.size(), " operations one by one", misfit.empty() ? "" : "; " + misfit);
}

std::string why_not_compiled(const model::Network& network) {
    if (network.graph) return model::unmapped_operator(*network.graph);
    try {
        make_plan(network);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

BatchRange shard_range(std::int64_t batches, int shard, int shards) {
    OROGRAPH_EXPECT(shards > 0 && 0 <= shard && shard < shards && batches >= 0);
    const std::int64_t each = batches / shards, longer = batches % shards;
    const std::int64_t first = shard * each + std::min<std::int64_t>(shard, longer);
    return {first, first + each + (shard < longer ? 1 : 0)};
}

}  // namespace orograph::evaluate
