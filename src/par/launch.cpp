#include "orograph/par/launch.hpp"

#include "orograph/core/text.hpp"
#include "orograph/par/environment.hpp"
#include "orograph/par/mpi_access.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <set>

namespace orograph::par {

namespace {

namespace fs = std::filesystem;

#if defined(OPEN_MPI)
constexpr bool is_openmpi = true;
#else
constexpr bool is_openmpi = false;  // and may need no variable at all to find its peers under srun
#endif

// The first of `names` that is a number of at least 0; -1 where none is.
int number_in(const Variables& variables, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const char* text = variables(name);
        int value = 0;
        if (text && std::from_chars(text, text + std::strlen(text), value).ec == std::errc() && value >= 0) return value;
    }
    return -1;
}

bool is_set(const Variables& variables, std::initializer_list<const char*> names) {
    return std::ranges::any_of(names, [&](const char* name) { return variables(name) != nullptr; });
}

std::string value_of(const Variables& variables, const char* name) {
    const char* text = variables(name);
    return text ? text : "";
}

// Names of the files in folders such as openmpi/ and openmpi/lib/openmpi3/ beside the library: OpenMPI's components.
std::set<std::string> component_names() {
    std::set<std::string> names;
    Dl_info library{};
    if (dladdr(dlsym(RTLD_DEFAULT, "MPI_Init"), &library) == 0) return names;
    std::error_code ignored;
    const auto file = fs::canonical(library.dli_fname, ignored);
    for (const auto& folder : fs::directory_iterator(file.parent_path(), ignored)) {
        if (!folder.path().filename().string().starts_with("openmpi") || !folder.is_directory(ignored)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) names.insert(entry.path().stem().string());
    }
    return names;
}

// Whether this MPI can join the tasks of `srun --mpi=pmi2`. OpenMPI does so by a component that not everybody builds, Debian for one does
// not; where its components are built into the library there is no telling.
bool speaks_pmi() {
    if (!is_openmpi) return true;
    const auto components = component_names();
    return !components.contains("mca_pml_ob1") || components.contains("mca_pmix_s1") || components.contains("mca_pmix_s2");
}

// Several may be there, one from an outer launcher: only where all say one is it one.
int most_ranks(const Variables& variables, bool in_step) {
    int most = number_in(variables, {"OMPI_COMM_WORLD_SIZE"});
    most = std::max(most, number_in(variables, {"PMI_SIZE"}));
    most = std::max(most, number_in(variables, {"MV2_COMM_WORLD_SIZE"}));
    return in_step ? std::max(most, number_in(variables, {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"})) : most;
}

std::string trouble_of(const Variables& variables, int tasks) {
    auto type = value_of(variables, "SLURM_MPI_TYPE");
    if (type.empty() && is_set(variables, {"PMI_RANK"})) type = "pmi2";  // by MpiDefault
    const auto promise = type.empty() || type == "none" ? std::string("without an MPI plugin (--mpi)") : cat("with --mpi=", type);
    return cat("Slurm started ", tasks, " tasks ", promise, ", so ", library_version(), " cannot join them to ranks; start them with srun ",
               "--mpi=pmix or with mpirun, or unset SLURM_STEP_ID to run this one alone");
}

// OpenMPI hands an option on as a variable, which may have been set for mpirun too.
Binding binding_of_mpirun(int threads, const Variables& variables) {
    struct Option {
        const char *name, *variable;
        bool binds_by_itself;  // --bind-to none does not undo it
    };
    constexpr Option options[] = {{"--cpu-set", "OMPI_MCA_hwloc_base_cpu_set", true},
                                  {"--cpu-list", "OMPI_MCA_hwloc_base_cpu_list", true},
                                  {"--rankfile", "OMPI_MCA_orte_rankfile", true},
                                  {"--bind-to", "OMPI_MCA_hwloc_base_binding_policy", false},
                                  {"--map-by", "OMPI_MCA_rmaps_base_mapping_policy", false}};
    const bool inherited = !is_set(variables, {"OMPI_MCA_orte_bound_at_launch"}) && is_set(variables, {"OMPI_MCA_orte_num_nodes"});
    if (inherited) return {"what bound mpirun itself (taskset, numactl, a batch system)", "start mpirun where all cores are free"};
    const auto cure = cat("start mpirun with --bind-to none or --map-by slot:PE=", threads);
    for (const auto& [name, variable, binds_by_itself] : options) {
        if (!is_set(variables, {variable})) continue;
        return {cat("mpirun ", name, " ", value_of(variables, variable), " (", variable, ")"),
                binds_by_itself ? cat("start mpirun without ", name, " and with --bind-to none") : cure};
    }
    return {"mpirun's default", cure};
}

}  // namespace

const char* variable_of_process(const char* name) {
    return std::getenv(name);
}

Launch read_launch(const Variables& variables) {
    const bool in_step = is_set(variables, {"SLURM_STEP_ID"});
    const bool by_pmix = is_set(variables, {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMIX_NAMESPACE"});
    const bool by_pmi = is_set(variables, {"PMI_RANK", "PMI_FD", "PMI_PORT", "PMI_ID", "PALS_RANKID", "ALPS_APP_PE", "FLUX_TASK_RANK",
                                           "MV2_COMM_WORLD_RANK", "MPI_LOCALRANKID", "JSM_NAMESPACE_RANK"});
    const int ranks = most_ranks(variables, in_step);
    const bool joined = by_pmix || (by_pmi && (!in_step || speaks_pmi())) || (in_step && !is_openmpi);
    if (ranks == 1 || (ranks < 1 && !joined)) return {};
    Launch launch{.start = joined ? Start::joined : Start::unjoined};
    launch.rank = std::max(0, number_in(variables, {"PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PALS_RANKID", "ALPS_APP_PE",
                                                    "FLUX_TASK_RANK", "MV2_COMM_WORLD_RANK", "JSM_NAMESPACE_RANK", "SLURM_PROCID"}));
    if (!joined) launch.trouble = trouble_of(variables, ranks);
    return launch;
}

Binding read_binding(int threads, const Variables& variables) {
    if (is_set(variables, {"OMPI_COMM_WORLD_SIZE"})) return binding_of_mpirun(threads, variables);
    if (!is_set(variables, {"SLURM_STEP_ID"})) return {};
    const auto mask = value_of(variables, "SLURM_CPU_BIND");
    return {mask.empty() ? "srun" : cat("srun (SLURM_CPU_BIND=", mask, ")"),
            cat("start srun with --cpus-per-task=", threads, " and no --cpu-bind of your own")};
}

int cores_granted(const Variables& variables) {
    return std::max(0, number_in(variables, {"SLURM_CPUS_ON_NODE"}));
}

}  // namespace orograph::par
