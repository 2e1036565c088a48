#include "orograph/par/launch.hpp"

#include "orograph/core/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace orograph::par {
namespace {

using testing::HasSubstr;
using Environment = std::map<std::string, std::string>;

Variables in(const Environment& environment) {
    return [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
    };
}

// As Slurm 22.05 and OpenMPI 4.1 set them; `tasks` of which this is the second.
Environment step_of_slurm(int tasks) {
    return {{"SLURM_JOB_ID", "1"},    {"SLURM_STEP_ID", "0"},      {"SLURM_NTASKS", cat(tasks)}, {"SLURM_STEP_NUM_TASKS", cat(tasks)},
            {"SLURM_NODELIST", "vm"}, {"SLURM_CPUS_ON_NODE", "8"}, {"SLURM_PROCID", "1"}};
}

Environment with(Environment environment, const Environment& more) {
    for (const auto& [name, value] : more) environment[name] = value;
    return environment;
}

Environment rank_of_mpirun(int ranks, const Environment& more = {}) {
    return with({{"OMPI_COMM_WORLD_SIZE", cat(ranks)}, {"OMPI_COMM_WORLD_RANK", "1"}, {"PMIX_RANK", "1"}, {"OMPI_MCA_orte_num_nodes", "1"}},
                more);
}

TEST(Launch, IsAloneWhereNobodyNamesSeveralRanks) {
    auto batch = step_of_slurm(4);  // a batch script, which no srun has started
    batch.erase("SLURM_STEP_ID");
    batch.erase("SLURM_STEP_NUM_TASKS");
    const Environment interactive = with(step_of_slurm(4), {{"SLURM_STEP_NUM_TASKS", "1"}});
    const Environment pmix_of_one = with(step_of_slurm(1), {{"PMIX_RANK", "0"}, {"SLURM_MPI_TYPE", "pmix"}});
    const Environment pmi2_of_one = with(step_of_slurm(1), {{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}, {"PMI_FD", "11"}});
    int compared = 0;
    for (const auto& environment : {Environment{}, batch, step_of_slurm(1), interactive, pmix_of_one, pmi2_of_one, rank_of_mpirun(1),
                                    Environment{{"SLURM_STEP_ID", "0"}}, Environment{{"OMPI_MCA_btl", "tcp,self"}}}) {
        const auto launch = read_launch(in(environment));
        EXPECT_EQ(launch.start, Start::alone) << compared;
        EXPECT_EQ(launch.rank, 0);
        ++compared;
    }
    EXPECT_EQ(compared, 9);
}

TEST(Launch, IsJoinedWhereALauncherServesMpi) {
    int compared = 0;
    for (const auto& environment :
         {rank_of_mpirun(2), with(step_of_slurm(2), {{"PMIX_RANK", "1"}}), with(step_of_slurm(1), rank_of_mpirun(2)),
          with(step_of_slurm(2), rank_of_mpirun(1)), Environment{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}, Environment{{"PMI_RANK", "1"}},
          Environment{{"PMIX_RANK", "1"}}, Environment{{"FLUX_TASK_RANK", "1"}}}) {
        const auto launch = read_launch(in(environment));
        EXPECT_EQ(launch.start, Start::joined) << compared;
        EXPECT_EQ(launch.rank, 1) << compared;
        ++compared;
    }
    EXPECT_EQ(compared, 8);
}

TEST(Launch, IsUnjoinedWhereSlurmStartedTasksWithoutPmix) {
    const auto launch = read_launch(in(step_of_slurm(3)));
    EXPECT_EQ(launch.start, Start::unjoined);
    EXPECT_EQ(launch.rank, 1);
    for (const char* word : {"Slurm started 3 tasks", "Open MPI", "srun --mpi=pmix", "mpirun", "unset SLURM_STEP_ID"})
        EXPECT_THAT(launch.trouble, HasSubstr(word));
    const auto pmi2 = with(step_of_slurm(2), {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"PMI_FD", "11"}, {"SLURM_MPI_TYPE", "pmi2"}});
    EXPECT_EQ(read_launch(in(pmi2)).start, Start::unjoined) << "Debian's OpenMPI has no component for PMI2";
    EXPECT_THAT(read_launch(in(pmi2)).trouble, HasSubstr("2 tasks with --mpi=pmi2"));
    auto by_default = pmi2;
    by_default.erase("SLURM_MPI_TYPE");
    EXPECT_THAT(read_launch(in(by_default)).trouble, HasSubstr("2 tasks with --mpi=pmi2"));
}

TEST(Binding, NamesWhatBoundAndTheCure) {
    const auto bound = [](Environment more) {
        more["OMPI_MCA_orte_bound_at_launch"] = "1";
        return rank_of_mpirun(2, more);
    };
    const Environment srun = with(step_of_slurm(2), {{"SLURM_CPU_BIND", "quiet,mask_cpu:0x1,0x2"}});
    struct Case {
        Environment environment;
        std::string by, cure;
    };
    const Case cases[] = {
        {bound({}), "mpirun's default", "--bind-to none or --map-by slot:PE=3"},
        {bound({{"OMPI_MCA_hwloc_base_binding_policy", "core"}}), "mpirun --bind-to core (OMPI_MCA_hwloc_base_binding_policy)",
         "--bind-to none"},
        {bound({{"OMPI_MCA_rmaps_base_mapping_policy", "slot:PE=1"}}), "mpirun --map-by slot:PE=1", "slot:PE=3"},
        {bound({{"OMPI_MCA_hwloc_base_cpu_set", "0"}}), "mpirun --cpu-set 0", "without --cpu-set and with --bind-to none"},
        {bound({{"OMPI_MCA_orte_rankfile", "ranks"}}), "mpirun --rankfile ranks", "without --rankfile"},
        {rank_of_mpirun(2), "what bound mpirun itself (taskset", "start mpirun where"},
        {srun, "srun (SLURM_CPU_BIND=quiet,mask_cpu:0x1,0x2)", "--cpus-per-task=3"},
        {step_of_slurm(2), "srun", "--cpus-per-task=3"},
    };
    int compared = 0;
    for (const auto& [environment, by, cure] : cases) {
        const auto binding = read_binding(3, in(environment));
        EXPECT_THAT(binding.by, HasSubstr(by)) << compared;
        EXPECT_THAT(binding.cure, HasSubstr(cure)) << compared;
        ++compared;
    }
    EXPECT_EQ(compared, 8);
    EXPECT_EQ(read_binding(3, in({})).by, "");
}

TEST(CoresGranted, AreThoseOfSlurm) {
    EXPECT_EQ(cores_granted(in(step_of_slurm(1))), 8);
    EXPECT_EQ(cores_granted(in({})), 0);
    EXPECT_EQ(cores_granted(in({{"SLURM_CPUS_ON_NODE", "many"}})), 0);
}

}  // namespace
}  // namespace orograph::par
