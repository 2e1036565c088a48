#include "resources.hpp"

#include "instruction_set.hpp"
#include "placement.hpp"

#include "orograph/core/cores.hpp"
#include "orograph/core/log.hpp"
#include "orograph/core/openmp_variables.hpp"
#include "orograph/gpu/device.hpp"

namespace orograph::app {

namespace {

at::Device choose_device(const par::Communicator& node, const std::string& asked) {
    const int count = asked == "cpu" ? 0 : gpu::device_count();
    if (asked == "cuda") gpu::require_device(0);
    if (count == 0) return at::kCPU;
    return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device_index(node, count)));
}

// Where no launcher did it, the program that started this one may have been bound by its OpenMP runtime before.
par::Binding binding_of_ranks(int threads) {
    const auto bound = par::read_binding(threads);
    const auto variables = set_aside_openmp_variables();
    if (!bound.by.empty() || variables.empty()) return bound;
    return {cat("taskset, or the OpenMP runtime of the program that started this one (", join(variables), ")"), "unset it there"};
}

// Tasks that MPI does not join know nothing of each other.
void warn_of_placement(std::span<const RankCores> cores, int asked) {
    if (par::read_launch().start == par::Start::unjoined) return;
    const auto bound = binding_of_ranks(asked > 0 ? asked : even_share(cores));
    const auto warning = placement_warning(cores, asked, bound);
    if (!warning.empty()) log::warn(warning);
    const bool granted_one = warning.empty() && cores.size() == 1 && cores[0].one_core && par::cores_granted() > 0;
    if (granted_one && asked == 0 && online_cores() > static_cast<int>(cores[0].occupied.size()))
        log::info(cat("Slurm granted one core of the ", online_cores(), " of ", cores[0].host,
                      "; --cpus-per-task=N of srun or sbatch asks for N, a thread each"));
}

}  // namespace

int device_index(const par::Communicator& node, int count) {
    return node.rank() % count;
}

Resources choose_resources(const par::Communicator& world, const RunSection& run) {
    const auto node = world.split_node();
    Resources resources;
    resources.cores = gather_cores(world, node);
    resources.threads = run.threads > 0 ? run.threads : share_of(resources.cores, static_cast<std::size_t>(world.rank()));
    par::agree(world, [&] { resources.device = choose_device(node, run.device); });
    if (world.rank() == 0 && resources.device.is_cpu()) warn_of_placement(resources.cores, run.threads);
    return resources;
}

evaluate::Options evaluate_options(const par::Communicator& world, const EvaluateSection& section, const Resources& resources) {
    const auto cpus = gather_cpus(world);
    evaluate::Options options;
    options.loss = section.loss == "mse" ? evaluate::Loss::mse : evaluate::Loss::cross_entropy;
    options.kind = section.evaluator == "reference" ? evaluate::Kind::reference : evaluate::Kind::compiled;
    options.precision = section.precision == "tf32"   ? evaluate::Precision::tf32
                        : section.precision == "bf16" ? evaluate::Precision::bf16
                                                      : evaluate::Precision::fp32;
    options.convolution = section.convolution == "direct" ? evaluate::Convolution::direct : evaluate::Convolution::automatic;
    options.threads = resources.threads;
    options.device = resources.device;
    options.batch = section.batch;
    if (options.kind == evaluate::Kind::compiled && options.device.is_cpu())
        options.instruction_set = choose_instruction_set(section.instruction_set, cpus, static_cast<std::size_t>(world.rank()));
    else if (section.instruction_set != "auto")
        options.instruction_set = section.instruction_set;  // which the evaluator refuses
    return options;
}

}  // namespace orograph::app
